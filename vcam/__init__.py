"""The service: camera → mask → picture → virtual camera. Importing this costs nothing: no torch, no cv2."""
