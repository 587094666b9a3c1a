"""From a survey's frames to aligned cutouts: the parts of `data_tools.make_cutouts`.

Fields with their frames (`fields`, `frames`) and positions (`positions`) -> the field of each
position (`assignment`, `footprints`) -> pixels on the reference band's grid (`regridding`),
field by field (`cutting`) -> a folder that `data_tools.make_tfrecords` reads
(`cutout_writer`).
"""
