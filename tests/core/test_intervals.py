import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csi_service.core.intervals import adjust_p, quarter_beta, stratified_share
from csi_service.errors import InvalidInputError
from tests.make import numbers, same

NAN = math.nan


def mass_below(limit, a, b, steps=200_000):
    """Return the mass of beta(a, b) below a limit by the midpoint rule, in x = t^4, which tames the pole at 0."""
    t = (np.arange(steps) + 0.5) / steps * limit**0.25
    density = t ** (4 * a - 1) * (1 - t**4) ** (b - 1) * 4
    return density.sum() * limit**0.25 / steps * math.gamma(a + b) / (math.gamma(a) * math.gamma(b))


@pytest.mark.parametrize(("x", "n"), [(1, 10), (5, 10), (9, 10), (3, 40), (0.5, 2)])
def test_the_limits_cut_off_the_tails_of_the_two_betas(x, n):
    lower, upper = quarter_beta(numbers(x), numbers(n))
    assert mass_below(lower[0], x + 0.25, n - x + 0.75) == pytest.approx(0.025, abs=1e-6)
    assert mass_below(upper[0], x + 0.75, n - x + 0.25) == pytest.approx(
        0.975, abs=1e-4
    )  # a pole at 1 where n = x + ...


def test_at_the_ends_the_limits_are_0_and_1():
    lower, upper = quarter_beta(numbers(0, 10), numbers(10, 10))
    assert (lower[0], upper[1]) == (0, 1)
    assert upper[0] == pytest.approx(1 - lower[1], abs=1e-12)  # the mirror image
    # beta(3/4, 10 1/4): none of 10 seen; its upper limit cuts off 2.5 %
    assert mass_below(upper[0], 0.75, 10.25) == pytest.approx(0.975, abs=1e-6)


def test_what_is_not_known_has_no_limits():
    lower, upper = quarter_beta(numbers(NAN, 1, 0, 1), numbers(5, NAN, 0, 5))
    assert np.isnan(lower).tolist() == np.isnan(upper).tolist() == [True, True, True, False]


@pytest.mark.parametrize(
    ("x", "n", "code"), [(-1, 5, "negative"), (6, 5, "count_exceeds_n"), (1, math.inf, "non_finite")]
)
def test_impossible_counts_are_refused(x, n, code):
    with pytest.raises(InvalidInputError) as refusal:
        quarter_beta(numbers(x), numbers(n))
    assert refusal.value.code == code


@given(st.integers(0, 300), st.integers(1, 300), st.floats(0.5, 0.999))
def test_the_limits_hold_the_share_and_mirror_it(x, n, confidence):
    x = min(x, n)
    lower, upper = quarter_beta(numbers(x), numbers(n), confidence)
    assert 0 <= lower[0] <= x / n <= upper[0] <= 1
    mirrored = quarter_beta(numbers(n - x), numbers(n), confidence)
    assert same([*mirrored[1], *mirrored[0]], [1 - lower[0], 1 - upper[0]], 1e-9)


# --- stratified


def stratified(cells, groups=1, group=None, **options):
    x, n, weight = (np.array(column, np.float64) for column in zip(*cells, strict=True)) if cells else [np.zeros(0)] * 3
    return stratified_share(x, n, weight, np.array(group or [0] * len(cells), np.intp), groups, **options)


def test_one_cell_is_the_plain_interval_whatever_it_weighs():
    found = stratified([(30, 40, 7)])
    lower, upper = quarter_beta(numbers(30), numbers(40))
    assert same([found.value[0], found.lower[0], found.upper[0], found.effective_n[0]], [0.75, lower[0], upper[0], 40])


def test_the_effective_size_by_hand():
    # p = 0.6 x 0.9 + 0.4 x 0.5 = 0.74; shrunk (9 + 0.5 + 1.48) / 13 and (10 + 0.5 + 1.48) / 23
    found = stratified([(9, 10, 600), (10, 20, 400)])
    one, two = 10.98 / 13, 11.98 / 23
    variance = 0.36 * one * (1 - one) / 10 + 0.16 * two * (1 - two) / 20
    size = 0.74 * 0.26 / variance
    assert same([found.value[0], found.effective_n[0]], [0.74, size])
    lower, upper = quarter_beta(numbers(0.74 * size), numbers(size))
    assert same([found.lower[0], found.upper[0]], [lower[0], upper[0]])


@pytest.mark.parametrize("yes", [0, 1])
def test_where_all_answer_alike_kish_counts(yes):
    # sixths sum to a little less than 1, which must not blur it: 1 / ((1/6)^2 / 10 + (4/6)^2 / 7 + (1/6)^2 / 3)
    found = stratified([(10 * yes, 10, 1), (7 * yes, 7, 4), (3 * yes, 3, 1)])
    assert found.value[0] == yes
    assert found.effective_n[0] == pytest.approx(36 / (1 / 10 + 16 / 7 + 1 / 3))
    assert (found.lower if yes == 0 else found.upper)[0] == yes


def test_cells_without_answers_drop_out_and_groups_stand_apart():
    cells = [(9, 10, 600), (0, 0, NAN), (10, 20, 400), (3, 4, 1)]
    found = stratified(cells, groups=3, group=[0, 0, 0, 2])
    alone = stratified([cells[0], cells[2]])
    assert same([found.value[0], found.lower[0], found.upper[0]], [alone.value[0], alone.lower[0], alone.upper[0]])
    assert np.isnan([found.value[1], found.lower[1], found.upper[1]]).all()
    assert (found.effective_n[1], found.value[2], found.effective_n[2]) == (0, 0.75, 4)


@pytest.mark.parametrize(
    ("weights", "code"), [((-1, 2), "negative"), ((NAN, 2), "negative"), ((0, 0), "weights_sum")]
)  # fmt: skip
def test_weights_that_say_nothing_are_refused(weights, code):
    with pytest.raises(InvalidInputError) as refusal:
        stratified([(1, 2, weights[0]), (1, 2, weights[1])])
    assert refusal.value.code == code


@given(
    st.lists(
        st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(1, 900)).map(
            lambda cell: (min(cell[:2]), cell[1], cell[2])
        ),
        min_size=1,
        max_size=8,
    )
)
def test_the_limits_hold_the_share_and_the_scale_of_weights_says_nothing(cells):
    found = stratified(cells)
    if not any(n for _, n, _ in cells):
        assert np.isnan(found.value[0])
        return
    assert 0 <= found.lower[0] <= found.value[0] <= found.upper[0] <= 1
    scaled = stratified([(x, n, 3 * weight) for x, n, weight in cells])
    assert same([found.lower[0], found.upper[0]], [scaled.lower[0], scaled.upper[0]], 1e-9)


# --- adjusted p values


def test_holm_steps_down_and_never_falls():
    # sorted .01 .03 .04: x 4, 3, 2 -> .04 .09 .08 -> .09; the fourth is .9
    assert same(adjust_p(numbers(0.04, 0.9, 0.01, 0.03), "holm"), [0.09, 0.9, 0.04, 0.09])


def test_benjamini_hochberg_steps_up_and_never_falls():
    # sorted .01 .03 .04 .9: x 4 / rank -> .04 .06 .0533 .9 -> .04 .0533 .0533 .9
    assert same(adjust_p(numbers(0.04, 0.9, 0.01, 0.03), "bh"), [0.16 / 3, 0.9, 0.04, 0.16 / 3])


def test_a_p_that_is_not_there_does_not_count():
    assert same(adjust_p(numbers(NAN, 0.02, NAN, 0.5), "holm"), [NAN, 0.04, NAN, 0.5])
    assert adjust_p(numbers(), "bh").size == 0


def test_what_is_no_p_or_no_method_is_refused():
    with pytest.raises(InvalidInputError, match="between 0 and 1"):
        adjust_p(numbers(1.1), "bh")
    with pytest.raises(InvalidInputError, match="accepted are holm and bh"):
        adjust_p(numbers(0.5), "bonferroni")


@given(st.lists(st.floats(0, 1), max_size=12))
def test_adjusting_keeps_the_order_raises_and_holm_is_the_stricter(p):
    holm, bh = (adjust_p(np.array(p, np.float64), method) for method in ("holm", "bh"))
    order = np.argsort(p, kind="stable")
    assert (np.diff(holm[order]) >= 0).all()
    assert (np.diff(bh[order]) >= 0).all()
    assert (np.array(p) <= bh + 1e-15).all()
    assert (bh <= holm + 1e-15).all()
    assert (holm <= 1).all()
