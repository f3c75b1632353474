"""The demo shop: a static page, drawn pictures, and the routes that serve them."""
