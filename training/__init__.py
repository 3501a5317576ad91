"""How the embedded text classifier was made: data in, model file out. Nobody imports it."""
