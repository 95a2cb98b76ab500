"""A basket as text, for a narrow printer."""

from tally.basket import Basket
from tally.money import show

WIDTH = 32


def render(basket: Basket) -> str:
    """Write one row for each line, and the total below a rule."""
    rows = [_row(f"{line.count} x {line.name}", line.amount) for line in basket.lines()]
    rows.append("-" * WIDTH)
    rows.append(_row("Total", basket.total()))
    return "\n".join(rows) + "\n"


def _row(label: str, cents: int) -> str:
    """Put a label on the left and an amount on the right; a long label is cut."""
    amount = show(cents)
    room = WIDTH - len(amount)
    return label[: room - 1].ljust(room) + amount
