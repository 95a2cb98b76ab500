import unittest

from tally.basket import Basket, Line


class BasketTest(unittest.TestCase):
    def setUp(self):
        self.basket = Basket()

    def test_same_things_share_a_line(self):
        self.basket.add("Tea", 150)
        self.basket.add("Bun", 220)
        self.basket.add("Tea", 150, count=2)
        self.assertEqual(self.basket.lines(), [Line("Tea", 150, 3), Line("Bun", 220, 1)])

    def test_a_thing_has_one_price(self):
        self.basket.add("Tea", 150)
        with self.assertRaises(ValueError):
            self.basket.add("Tea", 160)

    def test_nothing_is_taken_out_by_adding(self):
        with self.assertRaises(ValueError):
            self.basket.add("Tea", 150, count=-1)

    def test_total_follows_each_addition(self):
        self.assertEqual(self.basket.total(), 0)
        self.basket.add("Tea", 150)
        self.assertEqual(self.basket.total(), 150)
        self.basket.add("Bun", 220, count=2)
        self.assertEqual(self.basket.total(), 590)
