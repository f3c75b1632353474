"""Page assembly: scored candidates become the modules and items of a page."""
