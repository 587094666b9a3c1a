"""A survey of a user's own, from a TOML file and a cube to metrics, without changing code."""

import json
import os
import tempfile

import numpy as np
import tensorflow as tf

from data_tools import make_tfrecords
from data_tools.conversion.convert import ConversionSettings
from data_tools.readers.parts.cutout_source import ReaderOptions
from eval import main as eval_main
from pzbias_tf.metrics.stage_metrics import Bootstrap
from pzbias_tf.survey import load_survey
from tests.small_data import SIZE, make_cube
from tests.small_runs import request
from train import main as train_main

SURVEY = f"""
name = "mine"
bands = ["g", "r", "i"]
image_size = {SIZE}
pixel_scale_arcsec = 0.2
z_max = 1.2
bins = 60
r_min = 18.0
r_max = 22.0
balance_threshold = 4
outlier_threshold = 0.1
fit_z_min = 0.3
"""


class OwnSurveyTest(tf.test.TestCase):

  def write_survey(self, folder, num=300):
    """Writes the definition of the survey, and a cube whose columns have other names."""
    rng = np.random.default_rng(0)
    z = rng.uniform(0.05, 1.1, num)
    np.savez(os.path.join(folder, "cube.npz"), cube=make_cube(z, 3), redshift=z,
             red=rng.uniform(18, 22, num), dust=rng.uniform(0, 0.1, num))
    path = os.path.join(folder, "mine.toml")
    with open(path, "w", encoding="utf-8") as file:
      file.write(SURVEY)
    return path

  def test_from_cube_to_metrics(self):
    folder = tempfile.mkdtemp()
    survey_file = self.write_survey(folder)
    data_dir, runs = os.path.join(folder, "data"), os.path.join(folder, "runs")
    manifest = make_tfrecords.run(make_tfrecords.ConversionConfig(
        survey=survey_file, input=os.path.join(folder, "cube.npz"), output=data_dir,
        options=ReaderOptions(columns={"z": "redshift", "r": "red", "ebv": "dust"}),
        settings=ConversionSettings(split=(0.6, 0.1, 0.3))))
    self.assertEqual(manifest.image_shape, (SIZE, SIZE, 3))
    for number in range(4):
      stage = train_main.run(request(number, data_dir, runs, survey=load_survey(survey_file)))
    run = os.path.dirname(stage)
    self.assertEndsWith(run, "mine_net5_ne1")
    self.assertIn("| Step 4 ", eval_main.evaluate(run, Bootstrap(number=3)))
    with open(os.path.join(run, "metrics.json"), encoding="utf-8") as file:
      metrics = json.load(file)
    self.assertEqual(metrics["survey"]["bands"], ["g", "r", "i"])
    self.assertLen(metrics["stages"]["step3"]["sigma_disp_bins"], 5)  # of 8 magnitude rows


if __name__ == "__main__":
  tf.test.main()
