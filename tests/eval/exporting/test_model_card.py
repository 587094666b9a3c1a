"""The card of a bundle says what the galaxies are, and is what Hugging Face reads."""

import dataclasses
import json
import os

from absl.testing import parameterized
import tensorflow as tf
import yaml

from eval.exporting import bundle_files
from eval.exporting.model_card import card
from eval.run import EvaluatedStage
import pzbias_tf as pz
from pzbias_tf.data.data_set_facts import DataSetFacts
from pzbias_tf.data.extra_columns import ExtraColumns
from pzbias_tf.data.magnitudes import PhotometryInput
from pzbias_tf.data.manifest import PhotometryColumns
from pzbias_tf.predictions.domain import TrainingDomain
from pzbias_tf.survey import CFHTLS_WIDE, SDSS, survey_names
from pzbias_tf.training.checkpoints import StageFiles, file_digest
from pzbias_tf.training.config import save_config
from tests.eval.evaluated_runs import evaluated
from tests.small_runs import small_config

FACTS = DataSetFacts(name="galaxies", survey="sdss", kind="images", image_shape=(16, 16, 5),
                     galaxies=1000, training=700, bytes=2_000_000, digest="ab" * 32,
                     source="sdss.npz")
DOMAIN = TrainingDomain(galaxies=9, r_mag=(13.5, 17.75), softening=(0.1,) * 5,
                        colours=((-1.0, 1.0),) * 4, peak_offset=3.0)


class ModelCardTest(tf.test.TestCase, parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path

  def stage(self, facts=FACTS, name="run", domain=True, metrics=True, **settings):
    """A Step 3 whose weights are only named, in a run that may be evaluated."""
    run = os.path.join(self.folder, name)
    if metrics:
      evaluated(self.folder, name, ("step3", "step4"))
    stage = os.path.join(run, "step3")
    save_config(small_config(stage="step3", **settings), stage, provenance={
        "data_dir": "/somewhere/data", **({"data_set": facts.to_json()} if facts else {})})
    weights = StageFiles(stage).last
    os.makedirs(os.path.dirname(weights))
    with open(weights, "wb") as file:
      file.write(name.encode())
    if domain:
      DOMAIN.save(os.path.join(stage, "domain.json"))
    if metrics:
      self.record_weights(run, file_digest(weights))
    return stage

  def record_weights(self, run, digest):
    path = os.path.join(run, "metrics.json")
    with open(path, encoding="utf-8") as file:
      metrics = json.load(file)
    with open(path, "w", encoding="utf-8") as file:
      json.dump({**metrics, "weights_sha256": {"step3": digest}, "bootstrap": {"number": 20},
                 "commands": ["python -m train.main --stage=step3"]}, file)

  def card(self, stage, licence="bsd-3-clause"):
    """(front matter, text) of the card of a stage."""
    output = os.path.join(self.folder, "bundle")
    os.makedirs(output)
    text = card(bundle_files.copy_stage(EvaluatedStage(stage), output), licence)
    self.assertNotIn("/somewhere", text)
    empty, front, body = text.split("---\n", 2)
    self.assertEqual(empty, "")
    return yaml.safe_load(front), body

  @parameterized.parameters(
      ({"preset": "cpu"}, "# SIMULATED galaxies: Step 3", "**Simulated galaxies.**"),
      ({"photometry": {"file": "real.csv"}}, "# SIMULATED images of real galaxies: Step 3",
       "**Simulated images of real galaxies.**"),
      (None, "# Step 3, Net_Q", "**Real galaxies.** Images of sdss.npz, which nothing marks"))
  def test_what_the_galaxies_are(self, simulated, first, note):
    front, body = self.card(self.stage(dataclasses.replace(FACTS, simulated=simulated)))
    self.assertStartsWith(body.lstrip("\n").splitlines()[0], first)
    self.assertIn(note, body)
    self.assertEqual("simulated" in front["tags"], simulated is not None)
    self.assertEqual("How well the model does on observed galaxies" in body, simulated is not None)

  def test_galaxies_that_nobody_knows(self):
    _, body = self.card(self.stage(None))
    self.assertIn("**Not known whether real or simulated.** The data set cannot be read", body)
    self.assertIn("training has kept no record", body)

  def test_the_front_matter(self):
    front, _ = self.card(self.stage(), "cc-by-4.0")
    self.assertEqual((front["license"], front["library_name"], front["pipeline_tag"]),
                     ("cc-by-4.0", "tensorflow", "image-classification"))
    self.assertContainsSubset(["photometric-redshifts", "sdss"], front["tags"])
    (model,) = front["model-index"]
    (result,) = model["results"]
    self.assertEqual((model["name"], result["dataset"]["name"]), ("run", "galaxies, test galaxies"))
    with open(os.path.join(self.folder, "run", "metrics.json"), encoding="utf-8") as file:
      summary = json.load(file)["stages"]["step3"]
    values = {metric["type"]: metric["value"] for metric in result["metrics"]}
    self.assertCountEqual(values, front["metrics"])
    self.assertAllClose(values["sigma_mad"], summary["sigma_mad"], rtol=0, atol=1e-6)
    self.assertAllClose(values["slope_z_spec"], summary["slope_z_spec"]["slope"], rtol=0,
                        atol=1e-6)
    self.assertNotIn("galaxies", values)

  def test_text_with_markup_stays_text(self):
    name = "run: 'a' - \"b\" #`c`"
    facts = dataclasses.replace(FACTS, name="<b>x</b>", source="`ls`\n# SIMULATED")
    front, body = self.card(self.stage(facts, name), "other: [")
    self.assertEqual((front["license"], front["model-index"][0]["name"]), ("other: [", name))
    self.assertNotIn("\n# SIMULATED", body)
    self.assertNotRegex(body, r"(?<!\\)<b")
    self.assertIn("- run `run: 'a' - \"b\" #'c'`,", body)

  def test_the_sections(self):
    _, body = self.card(self.stage())
    places = [body.index(f"\n## {title}\n") for title in (
        "Intended use", "Training data", "Metrics", "Limits", "How to load", "How it was made")]
    self.assertAllEqual(places, sorted(places))
    for text in ("700 training galaxies", "r from 13.50 to 17.75 mag", "| Step 3 |", " +- ",
                 "20 bootstraps", "model.estimate(image, ebv)",
                 "model.estimate_with_flags(image, ebv, r_mag)", "16 x 16 pixels",
                 "    python -m train.main --stage=step3"):
      self.assertIn(text, body)
    self.assertNotIn("| Step 4", body)  # this run has no calibration.json

  def test_without_ranges_nothing_is_flagged(self):
    _, body = self.card(self.stage(domain=False))
    self.assertNotIn("estimate_with_flags", body)
    self.assertIn("nothing flags galaxies unlike them", body)

  def test_a_run_that_is_not_evaluated(self):
    front, body = self.card(self.stage(metrics=False))
    self.assertNoCommonElements(front, ("metrics", "model-index"))
    self.assertIn("None. This run has not been evaluated; `python -m eval.main --run=run`", body)

  def test_photometry_and_extra_columns(self):
    photometry = PhotometryInput(
        bands=SDSS.bands, columns=PhotometryColumns(magnitudes=SDSS.bands, errors=SDSS.bands,
                                                    missing="reject"),
        limits=(25.0,) * 5, mean=(0.0,) * 16, deviation=(1.0,) * 16)
    front, body = self.card(self.stage(
        net=6, image_size=0, photometry=photometry,
        extra_columns=ExtraColumns(("mag_J",), (16.0,), (1.5,))))
    self.assertEqual(front["pipeline_tag"], "tabular-classification")
    self.assertIn("model.estimate(magnitudes, errors, ebv, extra)", body)
    self.assertIn("`extra` [n, column] float32: mag_J, as measured", body)
    self.assertIn("magnitudes=magnitudes, errors=errors, ebv=ebv, extra={name: values}", body)

  @parameterized.parameters(*survey_names())
  def test_surveys_survive_their_file(self, name):
    for number, survey in enumerate((
        pz.load_survey(name), pz.load_survey(name).with_bins(20),
        dataclasses.replace(CFHTLS_WIDE, extend_exceptions={}, max_r_mag=None))):
      path = os.path.join(self.folder, f"{number}.toml")
      with open(path, "w", encoding="utf-8") as file:
        file.write(bundle_files.survey_toml(survey))
      self.assertEqual(pz.load_survey(path), survey)


if __name__ == "__main__":
  tf.test.main()
