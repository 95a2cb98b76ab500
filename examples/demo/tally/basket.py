"""What was bought, and what it comes to."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """One kind of thing in a basket."""

    name: str
    price: int
    count: int

    @property
    def amount(self) -> int:
        """What the line comes to, in cents."""
        return self.price * self.count


class Basket:
    """Things and their prices, in the order in which they came."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._lines: dict[str, Line] = {}

    def add(self, name: str, price: int, count: int = 1) -> None:
        """Put in so many of a thing, at a price in cents for each."""
        if count < 1:
            raise ValueError(f"{count} is no number of things")
        line = self._lines.get(name, Line(name, price, 0))
        if line.price != price:
            raise ValueError(f"{name} already has another price")
        self._lines[name] = Line(name, price, line.count + count)

    def lines(self) -> list[Line]:
        """List what is in it."""
        return list(self._lines.values())

    def total(self) -> int:
        """Add up all lines, in cents."""
        return sum(line.amount for line in self._lines.values())
