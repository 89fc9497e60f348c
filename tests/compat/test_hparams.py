"""The HParams that old programs take from tf.contrib.training."""

from __future__ import annotations

import pytest

from tf1hub.compat.hparams import HParams


def hparams() -> HParams:
    return HParams(rate=0.1, steps=10, name="a", layers=[4, 5], flag=False, nothing=None)


def test_values_are_attributes_and_keep_their_type() -> None:
    values = hparams()
    values.rate = 1
    values.set_hparam("steps", 20)
    assert (values.rate, type(values.rate), values.steps, "rate" in values, "other" in values) == (
        1.0, float, 20, True, False)  # fmt: skip
    assert values.get("other", 3) == 3
    with pytest.raises(ValueError, match=r"The hyperparameter 'steps' is int, not 1\.5"):
        values.steps = 1.5
    with pytest.raises(AttributeError, match="No hyperparameter 'other'"):
        values.other = 1


def test_a_string_overrides_values() -> None:
    values = hparams().parse("rate=1e-3,steps=7,name=b c,layers=[1,2,3],flag=true")
    assert values.values() == {
        "rate": 1e-3, "steps": 7, "name": "b c", "layers": [1, 2, 3], "flag": True, "nothing": None
    }  # fmt: skip
    assert hparams().parse("layers=[]").layers == []


@pytest.mark.parametrize("text", ["rate", "rate=1=2;", "steps=x", "other=1", "flag=maybe"])
def test_a_malformed_string_is_refused(text: str) -> None:
    with pytest.raises((ValueError, AttributeError)):
        hparams().parse(text)


def test_json_goes_out_and_comes_in() -> None:
    values = HParams(rate=0.1, layers=[4])
    assert values.to_json(sort_keys=True) == '{"layers": [4], "rate": 0.1}'
    assert HParams(rate=0.5, layers=[1]).parse_json(values.to_json()).values() == values.values()
    assert repr(values) == "HParams(layers=[4], rate=0.1)"


def test_a_name_is_added_once() -> None:
    values = hparams()
    values.add_hparam("more", (1, 2))
    assert values.more == [1, 2]
    values.del_hparam("more")
    with pytest.raises(ValueError, match="already"):
        values.add_hparam("rate", 1)
    with pytest.raises(ValueError, match="already"):
        values.add_hparam("parse", 1)
