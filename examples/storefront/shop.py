"""The shop itself: goods, visitors, baskets, and what the flags decide for one visitor. No HTTP, no HTML.

`decide` is the only place that reads flags, so that a page never mixes two states of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from flagd_sdk import Context, Detail

SHIPPING_CENTS: Final = 490
MAX_OF_ONE: Final = 9
BUTTON_COLORS: Final = ("blue", "green", "orange", "purple")


@dataclass(frozen=True)
class Product:
    """One thing on the shelf; the price is in euro cents."""

    key: str
    name: str
    text: str
    cents: int


PRODUCTS: Final = {
    product.key: product
    for product in (
        Product("mug", "Stoneware mug", "Thrown by hand, holds 300 ml", 1800),
        Product("lamp", "Reading lamp", "Warm light, brass switch", 6400),
        Product("notebook", "Field notebook", "Dotted, 96 pages, lies flat", 950),
        Product("tote", "Linen tote", "Carries a week of groceries", 2600),
        Product("kettle", "Pour-over kettle", "Gooseneck, 900 ml", 5200),
        Product("plant", "Potted friend", "Forgives a missed watering", 2200),
    )
}


@dataclass(frozen=True)
class Visitor:
    """Who looks at the page, with what the shop knows about them."""

    key: str
    email: str | None = None
    plan: str = "free"

    def context(self) -> Context:
        """The visitor as flags see them."""
        known = {"plan": self.plan} if self.email is None else {"plan": self.plan, "email": self.email}
        return Context(self.key, **known)


REGULARS: Final = {
    visitor.key: visitor
    for visitor in (
        Visitor("alice", "alice@shop.example"),
        Visitor("bob", "bob@shop.example", plan="pro"),
        Visitor("carol", "carol@example.com"),
        Visitor("dave", "dave@shop.example", plan="beta"),
    )
}


def visitor_named(name: str) -> Visitor:
    """A regular, or anybody else under the name they give."""
    return REGULARS.get(name) or Visitor(name)


@dataclass(frozen=True)
class Basket:
    """How many of which product, in the order of the shelf."""

    counts: Mapping[str, int]

    @classmethod
    def parse(cls, cookie: str | None) -> Basket:
        """The basket in a cookie such as "mug-2.tote-1"; whatever the shop did not write is left out."""
        counts: dict[str, int] = {}
        for entry in (cookie or "").split("."):
            key, _, count = entry.partition("-")
            if key in PRODUCTS and len(count) == 1 and count in "123456789":
                counts[key] = int(count)
        return cls(counts)

    def text(self) -> str:
        """What `parse` reads."""
        return ".".join(f"{product.key}-{count}" for product, count in self.lines())

    def changed(self, key: str, by: int) -> Basket:
        """The basket with more or fewer of one product; a product the shop does not have changes nothing."""
        if key not in PRODUCTS:
            return self
        count = min(MAX_OF_ONE, max(0, self.counts.get(key, 0) + by))
        return Basket({name: number for name, number in {**self.counts, key: count}.items() if number})

    def lines(self) -> list[tuple[Product, int]]:
        """Each product with its count."""
        return [(product, self.counts[key]) for key, product in PRODUCTS.items() if key in self.counts]

    def goods_cents(self) -> int:
        """What the goods cost."""
        return sum(product.cents * count for product, count in self.lines())


class Flags(Protocol):
    """What the shop asks of an SDK client."""

    def evaluate(self, flag: str, context: Context, *, default: object) -> Detail:
        """The flag's answer for a context, or the default with the reason."""
        ...


@dataclass(frozen=True)
class Decisions:
    """What the flags say for one visitor, and the answers themselves for the small print."""

    new_checkout: bool
    free_shipping: bool
    beta_banner: bool
    button_color: str
    payments: bool
    answers: Mapping[str, Detail]

    def shipping_cents(self, basket: Basket) -> int:
        """What the delivery of this basket costs."""
        return 0 if self.free_shipping or not basket.counts else SHIPPING_CENTS

    def total_cents(self, basket: Basket) -> int:
        """What the visitor pays."""
        return basket.goods_cents() + self.shipping_cents(basket)


# What holds while flagd has not been reached yet: the shop as it was before any of this, and open for business.
DEFAULTS: Final[Mapping[str, bool | str]] = {
    "new-checkout": False,
    "free-shipping": False,
    "beta-banner": False,
    "button-color": "blue",
    "payments": True,
}


def decide(flags: Flags, visitor: Visitor) -> Decisions:
    """Reads every flag of the shop once for this visitor."""
    context = visitor.context()
    answers = {flag: flags.evaluate(flag, context, default=default) for flag, default in DEFAULTS.items()}
    color = answers["button-color"].variant
    return Decisions(
        new_checkout=answers["new-checkout"].value is True,
        free_shipping=answers["free-shipping"].value is True,
        beta_banner=answers["beta-banner"].value is True,
        button_color=color if color in BUTTON_COLORS else BUTTON_COLORS[0],
        payments=answers["payments"].value is not False,
        answers=answers,
    )
