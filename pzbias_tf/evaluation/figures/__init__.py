"""Figures of an evaluated run: from results to `matplotlib.figure.Figure`, one function a figure.

Nothing here needs a display or touches pyplot's state; `files` writes them.
"""

from pzbias_tf.evaluation.figures.calibration import draw_calibration
from pzbias_tf.evaluation.figures.density import draw_density
from pzbias_tf.evaluation.figures.files import save_figure
from pzbias_tf.evaluation.figures.outliers import Outliers, draw_outliers
from pzbias_tf.evaluation.figures.pdfs import draw_pdfs
from pzbias_tf.evaluation.figures.residual_map import draw_residual_map
from pzbias_tf.evaluation.figures.stages import draw_stages
from pzbias_tf.evaluation.figures.validation import draw_validation
