"""Other ways to look at a picture, each with a cheap gate: what a plain reading does not show."""
