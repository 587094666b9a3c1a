"""From a survey's frames to aligned cutouts: the parts of `data_tools.make_cutouts`.

Frames of a field (`fields`) and positions (`positions`) -> which field serves which
position (`assignment`) -> pixels on the reference band's grid (`regridding`) -> a
folder that `data_tools.make_tfrecords` reads (`writer`).
"""
