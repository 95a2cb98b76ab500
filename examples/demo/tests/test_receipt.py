import unittest
from pathlib import Path

from tally.basket import Basket
from tally.receipt import WIDTH, render

GOLDEN = Path(__file__).parent / "golden"


class ReceiptTest(unittest.TestCase):
    def test_receipt_is_the_approved_one(self):
        basket = Basket()
        basket.add("Tea", 150, count=2)
        basket.add("Cinnamon bun", 220)
        basket.add("Bag", 15)
        self.assertEqual(render(basket), (GOLDEN / "receipt.txt").read_text(encoding="utf-8"))

    def test_rows_are_as_wide_as_the_paper(self):
        basket = Basket()
        basket.add("The longest name that anybody gave to a cake", 1250)
        self.assertEqual({len(row) for row in render(basket).splitlines()}, {WIDTH})
