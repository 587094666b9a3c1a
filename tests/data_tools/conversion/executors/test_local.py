"""The ordered map over local processes."""

from concurrent import futures
import itertools

import tensorflow as tf

from data_tools.conversion.executors import local


class WorkerMapTest(tf.test.TestCase):

  def test_one_worker_is_this_process(self):
    with local.worker_map(1) as mapper:
      self.assertIs(mapper, map)

  def test_order_and_processes(self):
    with local.worker_map(2) as mapper:
      self.assertEqual(list(mapper(abs, range(-9, 1))), list(range(9, -1, -1)))
      with self.assertRaises(TypeError):
        list(mapper(abs, ["no number"]))

  def test_tasks_are_taken_on_demand(self):
    tasks = itertools.count()
    with futures.ThreadPoolExecutor(2) as pool:
      results = local._ordered(pool, 4, lambda task: -task, tasks)
      self.assertEqual([next(results) for _ in range(3)], [0, -1, -2])
    self.assertLess(next(tasks), 10)


if __name__ == "__main__":
  tf.test.main()
