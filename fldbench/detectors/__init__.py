"""Face detectors, one a file: those of dlib and OpenCV, which need nothing, and three networks that the user brings."""
