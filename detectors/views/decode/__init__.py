"""What a text says once decoded: a file for each family of encodings, and the view over them."""
