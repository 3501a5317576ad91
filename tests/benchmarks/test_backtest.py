from collections import Counter
from itertools import islice

from benchmarks.backtest import POLICY, records
from service.policy.load import load
from service.rehearsal.backtest import count


def test_the_records_are_always_the_same_and_of_every_kind() -> None:
    made = list(records(200))
    assert made == list(records(200))
    assert len({each.id for each in made}) == 200
    kinds = Counter(part.kind for each in made for part in each.parts)
    assert kinds["image"] > 20
    assert {len(each.messages) for each in made} >= {1, 2, 3, 4}


def test_a_policy_finds_something_in_a_few_of_them() -> None:
    tally = count(islice(records(400), 400), load(POLICY))
    assert tally.records == 400
    assert 0 < tally.changed < 200
