import unittest

from tally.money import parse, show


class MoneyTest(unittest.TestCase):
    def test_amounts_are_read_as_cents(self):
        known = [("3", 300), ("3.5", 350), ("3.05", 305), (" 0.99 ", 99), ("-1.20", -120)]
        for text, cents in known:
            with self.subTest(text):
                self.assertEqual(parse(text), cents)

    def test_what_is_no_amount_is_refused(self):
        for text in ["", "three", "1.234", ".5", "--1"]:
            with self.subTest(text), self.assertRaises(ValueError):
                parse(text)

    def test_amounts_have_two_decimals(self):
        self.assertEqual([show(0), show(7), show(350)], ["0.00", "0.07", "3.50"])

    def test_debts_keep_their_sign(self):
        self.assertEqual([show(-5), show(-120)], ["-0.05", "-1.20"])
