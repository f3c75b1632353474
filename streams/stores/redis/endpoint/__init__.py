"""Where Redis is by the settings, which one is the master, and why it could not be reached."""
