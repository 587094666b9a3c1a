"""Figures of an evaluated run: from results to `matplotlib.figure.Figure`, one function per figure.

Nothing here needs a display or touches pyplot's state; `picture_files` writes them.
"""

from pzbias_tf.report.figures.calibration import draw_calibration
from pzbias_tf.report.figures.density import draw_density
from pzbias_tf.report.figures.outliers import Outliers, draw_outliers
from pzbias_tf.report.figures.pdfs import draw_pdfs
from pzbias_tf.report.figures.picture_files import save_figure
from pzbias_tf.report.figures.residual_map import draw_residual_map
from pzbias_tf.report.figures.stages import draw_stages
from pzbias_tf.report.figures.validation import draw_validation
