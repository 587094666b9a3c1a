"""Files of others beside predictions, in working folders and in stages: never changed."""

import os
import shutil

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from eval import predict as eval_predict
from eval.prediction.request import Request
from eval.prediction.temporary_data_set import Cutouts
from pzbias_tf.files import hidden_name
from tests.eval.small_run import small_run
from tests.small_data import make_cube
from tests.small_runs import request
from train import main as train_main


class ForeignFilesTest(tf.test.TestCase, parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path
    self.target = self.create_tempfile(content="precious").full_path
    self.output = os.path.join(self.folder, "out.hdf5")
    self.working = os.path.join(self.folder, ".out.hdf5.unfinished")

  def predict(self, **source):
    return eval_predict.run(Request(stage_dirs=(small_run().stage("baseline"),),
                                    output=self.output, **source))

  def assert_precious(self, path):
    with open(path, encoding="utf-8") as file:
      self.assertEqual(file.read(), "precious")

  @parameterized.parameters("out.hdf5", "out.fits", "out_rejected.csv")
  def test_links_in_the_place_of_results(self, name):
    os.symlink(self.target, os.path.join(self.folder, name))
    path = os.path.join(self.folder, "new.npz")
    np.savez(path, cube=make_cube(np.full(4, 0.1), 5), z=np.full(4, 0.1), r=np.full(4, 16.0),
             ebv=np.zeros(4))
    self.predict(cutouts=Cutouts(path=path))
    self.assert_precious(self.target)
    self.assertFalse(os.path.islink(os.path.join(self.folder, name)))

  @parameterized.parameters("shard.hdf5", "notes.txt", ".out.hdf5.tmp")
  def test_working_folder_of_others(self, name):
    os.makedirs(self.working)
    path = os.path.join(self.working, name)
    os.rename(self.target, path)
    with self.assertRaisesRegex(FileExistsError, "unfinished holds files of others, .*--output"):
      self.predict(data=small_run().data)
    self.assert_precious(path)

  def test_link_in_the_place_of_the_working_folder(self):
    os.symlink(os.path.dirname(self.target), self.working)
    with self.assertRaisesRegex(OSError, "unfinished is a link, .*remove the link"):
      self.predict(data=small_run().data)
    self.assert_precious(self.target)

  def test_what_a_killed_prediction_left_goes(self):
    others = hidden_name(os.path.join(self.folder, "out.v2.hdf5"))
    for path in (others, hidden_name(self.output),
                 hidden_name(os.path.join(self.folder, "out.fits"))):
      with open(path, "w", encoding="utf-8") as file:
        file.write("half")
    self.predict(data=small_run().data)
    self.assertEqual([name for name in os.listdir(self.folder) if name.startswith(".")],
                     [os.path.basename(others)])

  def test_what_a_killed_training_left_goes(self):
    run = os.path.join(self.folder, "sdss_net5_ne1")
    shutil.copytree(small_run().stage("baseline"), os.path.join(run, "baseline"))
    left = [hidden_name(os.path.join(run, "baseline", name)) for name in (
        "config.json", "checkpoints/weights.h5", "best/weights.h5")]
    for path in left:
      with open(path, "w", encoding="utf-8") as file:
        file.write("half")
    train_main.run(request(0, small_run().data, self.folder))
    for path in left:
      self.assertFalse(os.path.exists(path), path)

  @parameterized.parameters("notes.txt", os.path.join("checkpoints", "weights.h5"), "config.jsn")
  def test_stage_folder_of_others(self, name):
    folder = os.path.join(self.folder, "sdss_net5_ne1", "baseline")
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path))
    os.rename(self.target, path)
    with self.assertRaisesRegex(FileExistsError, "baseline holds files of others.*--experiment"):
      train_main.run(request(0, small_run().data, self.folder))
    self.assert_precious(path)
    self.assertNotIn(".lock", os.listdir(folder))


if __name__ == "__main__":
  tf.test.main()
