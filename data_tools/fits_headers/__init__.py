"""What the header words of FITS files say: bands, companions of images, units of positions.

Shared by the readers of cutouts (`data_tools.readers`) and of frames (`data_tools.cutouts`).
"""
