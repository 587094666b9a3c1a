"""Folders of others are refused, and what killed processes left is removed."""

import fcntl
import os
from unittest import mock

from absl.testing import parameterized
import tensorflow as tf

from pzbias_tf.files import hidden_name
from pzbias_tf.guards import locks, own_folders


class OwnFoldersTest(tf.test.TestCase, parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.parent = self.create_tempdir().full_path
    self.output = os.path.join(self.parent, "new")

  def appear(self):
    with own_folders.appearing(self.output, "making") as hidden:
      with open(os.path.join(hidden, "file"), "w", encoding="utf-8") as file:
        file.write("x")

  def test_a_folder_appears_as_a_whole(self):
    with own_folders.appearing(self.output, "making") as hidden:
      self.assertNotEqual(hidden, self.output)
      self.assertFalse(os.path.exists(self.output))
    self.assertEqual(os.listdir(self.parent), ["new"])

  def test_two_at_once(self):
    with own_folders.appearing(self.output, "making"):
      with self.assertRaisesRegex(OSError, f"another process is at work in {self.output}; wait "):
        self.appear()
    self.assertEqual(os.listdir(self.parent), ["new"])

  def test_a_folder_that_has_appeared_is_kept(self):
    self.appear()
    with self.assertRaisesRegex(FileExistsError, "already exists; name another"):
      self.appear()
    self.assertEqual(os.listdir(self.parent), ["new"])

  def test_what_killed_commands_left_goes(self):
    for name in (".new.making-abcd1234", ".new.making-________"):
      os.makedirs(os.path.join(self.parent, name, "inside"))
    stays = (".new.making-Notes", ".newer.making-abcd1234", ".new.reading-abcd1234")
    for name in stays:
      os.makedirs(os.path.join(self.parent, name))
    os.symlink(self.create_tempdir().full_path, os.path.join(self.parent, ".new.making-a_link00"))
    self.appear()
    self.assertCountEqual(os.listdir(self.parent), [*stays, ".new.making-a_link00", "new"])

  def test_nothing_goes_where_there_are_no_locks(self):
    os.makedirs(os.path.join(self.parent, ".new.making-abcd1234"))
    with mock.patch.object(fcntl, "flock", side_effect=OSError(37, "No locks available")):
      with self.assertLogs("absl", "WARNING") as logs:
        self.appear()
    self.assertIn(".new.making-abcd1234: an interrupted command left it", logs.output[-1])
    self.assertCountEqual(os.listdir(self.parent), [".new.making-abcd1234", "new"])

  def test_temporary_folders_of_killed_processes_go(self):
    with own_folders.scratch_folder(self.parent, "tmp-") as used:
      for name in ("tmp-killed00", "tmp-nolock00"):
        os.makedirs(os.path.join(self.parent, name))
      with open(os.path.join(self.parent, "tmp-killed00", locks.LOCK_NAME), "w"):
        pass
      with own_folders.scratch_folder(self.parent, "tmp-") as other:
        self.assertCountEqual(os.listdir(self.parent), [
            os.path.basename(used), os.path.basename(other), "tmp-nolock00"])
    self.assertEqual(os.listdir(self.parent), ["tmp-nolock00"])

  @parameterized.parameters((["catalog.fits"],), (["a.tfrecord", ".lock"],), (["x", "mark"],))
  def test_folders_of_others_are_refused(self, names):
    with self.assertRaisesRegex(FileExistsError, f"/a holds files of others, {sorted(names)[-1]}"
                                if ".lock" in names else "/a holds files of others"):
      own_folders.refuse_foreign("/a", names, ("marker", "*.mark"), "name another")

  @parameterized.parameters(([],), ([".lock"],), (["lost+found", ".DS_Store"],),
                            (["x", "marker"],), (["x", "a.mark"],))
  def test_own_and_empty_folders_are_accepted(self, names):
    own_folders.refuse_foreign("/a", names, ("marker", "*.mark"), "name another")

  def test_half_written_files_go_and_nothing_else(self):
    def left(name):
      path = hidden_name(os.path.join(self.parent, name))
      with open(path, "w", encoding="utf-8") as file:
        file.write("x")
      return os.path.basename(path)

    _, other = left("out.fits"), left("out.fits.notes")
    stays = [".out.fits.tmp", ".out.fits.1234.tmp", "out.fits"]
    for name in stays:
      with open(os.path.join(self.parent, name), "w", encoding="utf-8") as file:
        file.write("x")
    own_folders.clear_files(self.parent, ["out.fits"])
    self.assertCountEqual(os.listdir(self.parent), [*stays, other])
    own_folders.clear_files(self.parent)
    self.assertCountEqual(os.listdir(self.parent), stays)

  @parameterized.parameters(([],), (["page.html"],), (["page.html", "notes.txt"],))
  def test_an_output_folder_is_ones_own(self, names):
    for name in names:
      os.makedirs(self.output, exist_ok=True)
      open(os.path.join(self.output, name), "w", encoding="utf-8").close()
    left = hidden_name(os.path.join(self.output, "page.html"))
    if names:
      open(left, "w", encoding="utf-8").close()
    with own_folders.output_folder(self.output, ("*.html",)):
      self.assertCountEqual(os.listdir(self.output), [locks.LOCK_NAME, *names])
      with self.assertRaisesRegex(OSError, f"another process is at work in {self.output}; wait "):
        with own_folders.output_folder(self.output, ("*.html",)):
          pass

  @parameterized.parameters((["page.htm"],), (["a.csv", "b.csv"],))
  def test_an_output_folder_of_others(self, names):
    os.makedirs(self.output)
    for name in names:
      open(os.path.join(self.output, name), "w", encoding="utf-8").close()
    with self.assertRaisesRegex(FileExistsError, f"{names[0]} for one.*name another --output"):
      with own_folders.output_folder(self.output, ("*.html",)):
        self.fail("entered")
    self.assertCountEqual(os.listdir(self.output), names)

  def test_a_link_in_the_place_of_an_own_folder(self):
    os.symlink(self.parent, self.output)
    with self.assertRaisesRegex(OSError, "is a link, which this package does not make; remove"):
      own_folders.refuse_link(self.output)


if __name__ == "__main__":
  tf.test.main()
