# SPDX-License-Identifier: Apache-2.0
"""Random formulas of the query API: {"formula": .., "defaults": ..}. Most give
a number for every point; some want what a payload lacks, or end at infinity."""

NUMBERS = ("a", "b", "n.x", "n.y", "one", "list[0]", "list[1]", "missing")
MOMENTS = ("at", "day")
PLACES = ("here", "n.there")
NAMES = ("red", "green", "blue")


class Formulas:
    """`lists`: how many prefetches there are."""

    def __init__(self, random, lists):
        self.random = random
        self.lists = lists

    def chance(self, share):
        return self.random.random() < share

    def number(self):
        random = self.random
        return random.choice((
            random.uniform(-2, 2), random.uniform(0, 3), random.randrange(-3, 9),
            0, 1))

    def place(self):
        return {"lon": round(self.random.uniform(-180, 180), 4),
                "lat": round(self.random.uniform(-90, 90), 4)}

    def moment(self):
        random = self.random
        day = f"20{random.randrange(10, 30)}-{random.randrange(1, 13):02}-" \
              f"{random.randrange(1, 29):02}"
        return random.choice((day, day + "T10:20:30Z", day + "T01:02:03.25",
                              day + "T23:00:00+05:30"))

    def payload(self):
        """Of one point. What formulas need is mostly there."""
        random = self.random
        payload = {
            "a": random.randrange(-5, 6), "b": random.uniform(-3, 3),
            "n": {"x": random.uniform(0, 9), "y": random.randrange(9),
                  "there": self.place()},
            "one": [random.randrange(5)], "list": [random.uniform(0, 1), 2],
            "at": self.moment(), "day": self.moment(), "here": self.place(),
            "color": random.choice(NAMES), "tags": random.sample(NAMES, 2)}
        if self.chance(0.15):
            del payload[random.choice(list(payload))]
        if self.chance(0.05):
            payload[random.choice("ab")] = random.choice(
                ("text", True, [], [1, 2], {"x": 1}))
        return payload

    def defaults(self):
        random, defaults = self.random, {}
        for name in NUMBERS:
            if self.chance(0.9 if name == "missing" else 0.7):
                defaults[name] = random.uniform(-1, 4)
        for name in MOMENTS:
            if self.chance(0.7):
                defaults[name] = self.moment()
        for name in PLACES:
            if self.chance(0.7):
                defaults[name] = self.place()
        for at in range(self.lists + 1):
            if self.chance(0.5):
                defaults[f"$score[{at}]"] = random.uniform(-1, 1)
        return defaults

    def condition(self):
        random = self.random
        return random.choice((
            {"key": "color", "match": {"value": random.choice(NAMES)}},
            {"key": "tags", "match": {"any": random.sample(NAMES, 2)}},
            {"key": "a", "range": {"gte": random.randrange(-4, 5)}},
            {"is_empty": {"key": random.choice(("a", "day", "missing"))}},
            {"has_id": random.sample(range(200), 60)},
            {"must_not": [{"key": "n.y", "range": {"lt": 4}}]}))

    def leaf(self):
        random = self.random
        kind = random.randrange(10)
        if kind < 3:
            return self.number()
        if kind < 5:
            at = random.randrange(self.lists + 1)
            return random.choice(("$score", f"$score[{at}]"))
        if kind < 8:
            return random.choice(NUMBERS)
        return self.condition()

    def moments(self):
        return self.random.choice((
            {"datetime": self.moment()},
            {"datetime_key": self.random.choice(MOMENTS)}))

    def decay(self, depth):
        random = self.random
        kind = random.choice(("lin_decay", "exp_decay", "gauss_decay"))
        params = {}
        form = random.randrange(3)
        if form == 0:
            params = {"x": self.moments(), "target": self.moments(),
                      "scale": random.uniform(1e7, 1e9)}
        elif form == 1:
            params = {"x": self.distance(), "scale": random.uniform(1e6, 1e7)}
        else:
            params = {"x": self.one(depth - 1)}
            if self.chance(0.5):
                params["target"] = self.one(depth - 1)
            if self.chance(0.5):
                params["scale"] = random.uniform(0.1, 5)
        if self.chance(0.5):
            params["midpoint"] = random.uniform(0.05, 0.95)
        return {kind: params}

    def distance(self):
        return {"geo_distance": {"origin": self.place(),
                                 "to": self.random.choice(PLACES)}}

    def one(self, depth=4):
        """An expression."""
        random = self.random
        if depth == 0 or self.chance(0.15):
            return self.leaf()
        kind = random.randrange(12)
        if kind < 4:
            name = random.choice(("mult", "sum"))
            return {name: [self.one(depth - 1)
                           for _ in range(random.randrange(4))]}
        if kind < 6:
            name = random.choice(("neg", "abs"))
            return {name: self.one(depth - 1)}
        if kind == 6:
            return {random.choice(("sqrt", "ln", "log10")): random.choice((
                {"abs": self.one(depth - 1)}, self.one(depth - 1),
                {"sum": [1, {"abs": self.one(depth - 1)}]}))}
        if kind == 7:
            return {"exp": self.one(depth - 1)}
        if kind == 8:
            body = {"left": self.one(depth - 1), "right": self.one(depth - 1)}
            if self.chance(0.7):
                body["by_zero_default"] = self.number()
            return {"div": body}
        if kind == 9:
            return {"pow": {"base": {"abs": self.one(depth - 1)},
                            "exponent": self.leaf()}}
        return self.decay(depth)

    def query(self):
        query = {"formula": self.one()}
        if self.chance(0.9):
            query["defaults"] = self.defaults()
        return query
