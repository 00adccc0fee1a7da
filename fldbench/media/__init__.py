"""Pictures: landmarks drawn on images."""
