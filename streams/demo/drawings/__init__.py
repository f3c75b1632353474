"""Pictures of products, drawn as small SVG documents from a kind, a form, a colour and a brand."""
