"""In which languages samples are written, and the mix that a project wants."""
