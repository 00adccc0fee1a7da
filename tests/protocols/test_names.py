"""Names: one canonical name and one hash for every order and spelling, the old names, and what is refused."""

import itertools

import pytest
from toys import toy_protocol

import fldbench
from fldbench.errors import ProtocolError, UnknownNameError
from fldbench.protocols import legacy
from fldbench.protocols.modifiers import NUMBERED
from fldbench.protocols.names import FIRST_VERSION


@pytest.mark.parametrize(
    ("asked", "canonical"),
    [
        ("300w-helen", "300w-helen"),
        ("300w-helen@interpupil", "300w-helen@interpupil"),
        ("300w-helen@norm=inter-pupil", "300w-helen@interpupil"),
        ("300w-helen@norm=points:42-47/36-41", "300w-helen@interpupil"),
        ("300w-helen@norm=points:45/36", "300w-helen"),
        ("mtfl-test@interpupil", "mtfl-test"),
        ("300w-helen@boxes=jittered", "300w-helen@boxes=jittered:0.05"),
        ("300w-helen@boxes=jittered:.1", "300w-helen@boxes=jittered:0.10"),
        ("300w-helen@boxes=tight", "300w-helen"),
        ("cofw68@boxes=official", "cofw68"),
        ("cofw68@boxes=tight", "cofw68@boxes=tight"),
        ("300w-common@auc=menpo, points=49", "300w-common@points=49,auc=menpo"),
        ("300w-common@points=17-59+61-63+65-67", "300w-common@points=49"),
        ("300w-common@points=nose_bridge+inner_lip", "300w-common@points=27-30+60-67"),
        ("300w-common@points=30-30", "300w-common@points=30-30"),
        ("300w-common@points=0-67", "300w-common"),
        ("300w-common@t=0.1", "300w-common@t=0.10"),
        ("300w-common@t=0.08+0.10", "300w-common"),
        ("300w-common@t=0.075+0.1", "300w-common@t=0.075+0.10"),
        ("300w-full@first=100", "300w-full@first=100"),
        ("300w-full@first=689", "300w-full"),
        ("300w-full@missed=value:1", "300w-full@missed=value:1.00"),
        ("300w-full@missed=failure,reduction=macro,auc=exact", "300w-full"),
        ("wflw@norm=points:72/8+60", "wflw@norm=points:8+60/72"),
        ("aflw19-full@visible@clipped@integer@strict", "aflw19-full@visible,strict,integer,clipped"),
        ("300w-full@mdm", "300w-full@mdm"),
        ("300w-full@t=0.05,fan", "300w-full@fan,t=0.05"),
        ("300w-full@fan,t=0.07,strict", "300w-full@fan"),
        ("300w-full@fan,interocular", "300w-full@fan,interocular"),
    ],
)
def test_a_spelling_has_one_canonical_name(asked, canonical):
    protocol = fldbench.get_protocol(asked)
    assert protocol.name == canonical
    assert fldbench.get_protocol(canonical) == protocol


def test_every_order_gives_one_name_and_one_hash():
    words = ["interpupil", "boxes=jittered:0.10", "points=51", "auc=san", "strict"]
    found = {
        fldbench.get_protocol(f"300w-full@{between.join(order)}")
        for order in itertools.permutations(words)
        for between in (",", "@")
    }
    (one,) = found
    assert one.name == "300w-full@interpupil,boxes=jittered:0.10,points=51,auc=san,strict"


def test_modifiers_set_the_fields_that_they_name():
    protocol = fldbench.get_protocol("300w-common@norm=box,boxes=jittered:0.10,points=66,visible,first=7,t=0.07")
    assert (protocol.normaliser, protocol.normaliser_points) == ("box", None)
    assert (protocol.box_source, protocol.visible, protocol.thresholds) == ("jittered:0.10", True, (0.07,))
    assert protocol.points == tuple(i for i in range(68) if i not in (60, 64))
    assert (protocol.first, protocol.n_expected) == (7, 7)
    assert (protocol.ids_sha256, protocol.union_of) == (None, ())
    whole = fldbench.get_protocol("300w-common")
    assert (protocol.dataset, protocol.subset, protocol.scheme) == (whole.dataset, whole.subset, whole.scheme)


def test_the_numbered_sets_of_points_are_those_of_the_schemes():
    for number, scheme in (("51", "ibug-51"), ("49", "ibug-49")):
        assert len(NUMBERED["ibug-68"][number]) == fldbench.get_scheme(scheme).n_points == int(number)
    assert len(NUMBERED["ibug-68"]["66"]) == 66


@pytest.mark.parametrize("twin", legacy.TWINS)
def test_a_twin_is_its_modifiers_and_marked(twin):
    spelled = ",".join(f"{key}={value}" if value else key for key, value in legacy.TWINS[twin].items())
    one, other = (fldbench.get_protocol(f"300w-full@{words}") for words in (twin, spelled))
    assert one.hash == other.hash and one.legacy == other.legacy
    assert one.name == f"300w-full@{twin}"
    assert one.legacy and f"not comparable with results under other rules: {one.legacy}" in one.describe()
    assert one.hash != fldbench.get_protocol("300w-full").hash


def test_the_names_of_the_first_version_mean_what_they_did():
    eyes = {"cofw68": ("", "-interpupil"), "mtfl-test": ("",), "imm-frontal": ("",)}
    asked = 0
    for base in FIRST_VERSION:
        for suffix in eyes.get(base, ("", "-interpupil")):
            for jitter in ("",) if base == "cofw68" else ("", "-jittered"):
                protocol = fldbench.get_protocol(base + suffix + jitter)
                words = ["interpupil"] if suffix else []
                words += ["boxes=jittered:0.05"] if jitter else []
                assert protocol.name == base + (f"@{','.join(words)}" if words else "")
                asked += 1
                if suffix:
                    assert protocol.normaliser_points == (tuple(range(36, 42)), tuple(range(42, 48)))
                elif protocol.scheme == "ibug-68":
                    assert protocol.normaliser_points == ((36,), (45,))
    assert asked == 38
    assert fldbench.get_protocol("imm-frontal").normaliser_points == ((16,), (24,))
    assert fldbench.get_protocol("mtfl-test").normaliser_points == ((0,), (1,))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "interpupl",
            "a modifier is 'interpupl'; must be one of interocular, interpupil, norm=..., .*mmpose; did you ",
        ),
        ("box=tight", "a modifier is 'box=tight'; must be one of .*; did you mean 'boxes'"),
        ("", "a modifier is ''; must be one of"),
        ("auc", "a modifier is 'auc'; must be one of .*auc=..., "),
        ("strict=yes", "a modifier is 'strict=yes'; must be one of"),
        ("twin=fan", "a modifier is 'twin=fan'; must be one of"),
        ("strict,strict", "the modifier 'strict' is given twice"),
        ("interpupil,norm=box", "the modifier 'norm' is given twice"),
        ("fan,mdm", "the modifier 'twin' is given twice"),
        ("norm=boxx", "norm is 'boxx'; must be one of inter-ocular, .*; did you mean 'box'"),
        ("norm=points:8", "norm is 'points:8'; must be one of"),
        ("norm=points:8/x", "norm is 'points:8/x'; must be one of"),
        ("norm=points:8/68", "normaliser_points is .*; must be different points of ibug-68, from 0 to 67"),
        ("norm=given-box", "boxes is 'tight'; must be official for 'given-box'; it divides by the dataset's own box"),
        (
            "boxes=official",
            "boxes is 'official'; must be tight, jittered:S or detected:NAME; 300w has no boxes of its own",
        ),
        ("boxes=detected:", "boxes is 'detected:'; must be tight, official, detected:NAME, or jittered:S"),
        ("points=50", "points is '50'; must be of ibug-68: 49, 51, 66, all, .*; one point alone is written 30-30"),
        ("points=60-70", "points is .*; must be different points of ibug-68, from 0 to 67"),
        ("points=noze", "points is 'noze'; must be of ibug-68: .*nose_bridge"),
        ("first=0", "first is '0'; must be a whole number from 1"),
        ("t=8", "t is '8'; must be fractions above 0 up to 1, .*; 8 % is 0.08"),
        ("t=0.08+0.08", "thresholds is .*; must be one or more different fractions"),
        ("auc=exakt", "auc_rule is 'exakt'; must be one of 'exact', .*; did you mean 'exact'"),
        ("missed=mean", "missed is 'mean'; must be failure, skipped, mean-shape, or value:X"),
        ("reduction=mean", "reduction is 'mean'; must be one of 'macro', 'micro', 'median'"),
        ("offset=one", "offset is 'one'; must be a number of px from -100 to 100; -1 is for pixels that count from 1"),
        ("offset=--1", "offset is '--1'; must be a number of px"),
        ("norm=pixels,stretched", "normaliser is 'pixels'; must be a length in the box, as errors are stretched"),
    ],
)
def test_a_wrong_modifier_names_what_is_allowed(name, text):
    with pytest.raises(ProtocolError, match=text) as error:
        fldbench.get_protocol(f"300w-full@{name}")
    assert str(error.value).startswith(f"protocol '300w-full@{name}': ")
    assert "\n" not in str(error.value)


def test_an_unknown_base_gives_a_near_miss():
    for name in ("300w-hellen", "300w-hellen@interpupil"):
        with pytest.raises(UnknownNameError, match="no protocol named '300w-hellen'; did you mean '300w-helen'"):
            fldbench.get_protocol(name)


def test_a_registered_protocol_is_a_base(toy):
    own = fldbench.register_protocol(toy_protocol("mine"))
    assert fldbench.get_protocol("mine") is own and "mine" in fldbench.list_protocols()
    assert fldbench.get_protocol(own) is own
    changed = fldbench.get_protocol("mine@auc=menpo,boxes=jittered,interpupil")
    assert changed.name == "mine@boxes=jittered:0.05,auc=menpo"
    with pytest.raises(ProtocolError, match="register_protocol: the name is 'mine@box'; must be letters, digits"):
        fldbench.register_protocol(toy_protocol("mine@box"))
