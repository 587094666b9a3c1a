"""The files that describe a release tell the same version, date, licence and paper."""

import json
import pathlib
import re
import tomllib

import tensorflow as tf

import pzbias_tf

ROOT = pathlib.Path(__file__).parent.parent


class ReleaseTest(tf.test.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.codemeta = json.loads((ROOT / "codemeta.json").read_text(encoding="utf-8"))
    cls.citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    cls.project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

  def cited(self, key):
    return re.search(rf"(?m)^ *{key}: \"?(.+?)\"?$", self.citation)[1]

  def test_version_and_date(self):
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    version, date = re.search(r"(?m)^## (\d+\.\d+\.\d+) \((\d{4}-\d\d-\d\d)\)$", changes).groups()
    self.assertEqual(pzbias_tf.__version__, version)
    self.assertEqual((self.cited("version"), self.cited("date-released")), (version, date))
    self.assertEqual((self.codemeta["version"], self.codemeta["dateModified"]), (version, date))

  def test_licence_words_and_paper(self):
    self.assertEqual(self.cited("license"), self.project["license"])
    self.assertEndsWith(self.codemeta["license"], "/" + self.project["license"])
    for key in ("name", "description", "keywords"):
      self.assertEqual(self.codemeta[key], self.project[key])
    self.assertIn(f"https://doi.org/{self.cited('doi')}",
                  self.codemeta["referencePublication"]["identifier"])

  def test_authors_of_the_paper(self):
    names = [author["familyName"] for author in self.codemeta["referencePublication"]["author"]]
    self.assertEqual(re.findall(r"family-names: (.+)", self.citation), names)


if __name__ == "__main__":
  tf.test.main()
