"""Adaptation inside a country: corrections whose true values are known, learnt from the validation years alone."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit

from federation.settings.parts import AdaptationSettings
from federation.settings.plan import ADAPTED
from federation.training import sequential
from federation.vault import doors, scoring
from federation.vault.admission import Admission
from federation.vault.own_models import adaptation
from federation.vault.vault import Vault
from tasks.data import Array, DenseWindows
from tasks.evaluation.score import Sums
from tasks.gathered_windows import dense
from tasks.registry import TASKS
from tasks.task import Task
from tests.federation.toy import TOY, ToySettings
from tests.federation.vault.requesting import plan_of, reply_frame, request_bytes, vault_in

LEVELS = (0.1, 0.5, 0.9)
FREE = AdaptationSettings(prior=0.0, years=0.0, largest=1e3)
EVENTS = replace(TOY, levels=())


def spread(rows: int, horizons: int = 2) -> Array:
    """Quantile forecasts of uniform numbers on [0, 1]."""
    return np.broadcast_to(np.array(LEVELS), (rows, horizons, 3)).copy()


def uniform(rows: int, seed: int = 1) -> Array:
    return np.random.default_rng(seed).uniform(size=(rows, 2))


def past_of(target: Array, years: int = 1) -> adaptation.Past:
    """The first row is of the first year, the second of the second, and so on."""
    months = np.datetime64("2005-01", "M") + 12 * (np.arange(len(target)) % years)
    return adaptation.Past(target=target.astype(np.float32), due=np.repeat(months[:, None], target.shape[1], axis=1))


# Quantiles


@given(wrong=st.floats(-3, 3), seed=st.integers(0, 9))
def test_a_forecast_that_is_off_by_a_constant_is_moved_back_by_it(wrong: float, seed: int) -> None:
    shifts = adaptation.quantile_shifts(spread(4000) + wrong, past_of(uniform(4000, seed)), LEVELS, FREE)
    assert shifts == pytest.approx(np.full((2, 3), -wrong), abs=0.05)  # the 0.5 quantile of 4000 draws: sd .008


def test_a_forecast_that_is_too_narrow_is_widened() -> None:
    narrow = 0.5 + (spread(4000) - 0.5) / 4
    corrected = adaptation.shifted(narrow, adaptation.quantile_shifts(narrow, past_of(uniform(4000)), LEVELS, FREE))
    assert corrected == pytest.approx(spread(4000), abs=0.05)


def test_a_forecast_whose_centre_stays_is_widened_and_not_moved() -> None:
    """Quiet years, in which less happened than was forecast, do not lower what follows them."""
    high = 0.8 + (spread(4000) - 0.5) / 4
    shifts = adaptation.quantile_shifts(high, past_of(uniform(4000)), LEVELS, replace(FREE, centre=False))
    assert (shifts[:, 1] == 0).all()
    assert shifts == pytest.approx(np.broadcast_to([-0.3, 0, 0.3], (2, 3)), abs=0.05)


def test_a_shift_makes_the_pinball_loss_of_the_past_least() -> None:
    output, happened = spread(300) + 0.3, uniform(300)
    shifts = adaptation.quantile_shifts(output, past_of(happened), LEVELS, FREE)

    def loss(moved: Array) -> float:
        error = happened[..., None] - (output + moved)
        return float(np.maximum(np.array(LEVELS) * error, (np.array(LEVELS) - 1) * error).mean())

    for away in (-0.05, 0.05):
        assert loss(shifts) < loss(shifts + away)


@pytest.mark.parametrize(("known", "years"), [(1, 1), (50, 1), (50, 4), (200, 4)])
def test_a_shift_is_shrunk_by_the_values_and_the_years_that_are_known(known: int, years: int) -> None:
    happened = np.full((200, 2), np.nan)
    happened[:known] = 2.0
    settings = AdaptationSettings(prior=200, years=3, largest=9)
    shifts = adaptation.quantile_shifts(np.zeros((200, 2, 3)), past_of(happened, years), LEVELS, settings)
    assert shifts == pytest.approx(np.full((2, 3), 2 / (1 + 200 / known + 3 / years)))


def test_more_values_of_the_same_years_are_hardly_more_trusted_but_more_years_are() -> None:
    settings = AdaptationSettings(prior=10, years=2)
    few, many, long = (
        float(adaptation.trust(past_of(np.zeros((rows, 1)), years), settings)[0])
        for rows, years in ((1000, 2), (100_000, 2), (1000, 20))
    )
    assert many == pytest.approx(few, abs=0.01)
    assert long == pytest.approx(1 / (1 + 0.1 + 0.01))


def test_the_trust_is_the_share_of_least_error_where_years_have_something_in_common() -> None:
    """Known truth: a correction of sd 1, errors of a year of sd sqrt(2), of a value of sd sqrt(30); 3 years of 20."""
    draw = np.random.default_rng(1)
    truth = draw.normal(size=20_000)
    seen = truth + draw.normal(size=(3, 20_000)).mean(axis=0) * 2**0.5 + draw.normal(size=20_000) * (30 / 60) ** 0.5
    best = (truth * seen).sum() / np.square(seen).sum()
    share = adaptation.trust(past_of(np.zeros((60, 1)), 3), AdaptationSettings(prior=30, years=2))
    assert share == pytest.approx(best, abs=0.02)


@given(wrong=st.floats(-100, 100), largest=st.floats(0, 2))
def test_no_shift_is_larger_than_allowed(wrong: float, largest: float) -> None:
    settings = replace(FREE, largest=largest)
    shifts = adaptation.quantile_shifts(spread(40) + wrong, past_of(uniform(40)), LEVELS, settings)
    assert (np.abs(shifts) <= largest).all()


@given(seed=st.integers(0, 99))
def test_quantiles_stay_in_order(seed: int) -> None:
    draw = np.random.default_rng(seed)
    output = np.sort(draw.normal(size=(5, 2, 3)), axis=-1)
    assert (np.diff(adaptation.shifted(output, draw.normal(size=(2, 3))), axis=-1) >= 0).all()


def test_a_country_without_a_validation_record_is_not_corrected() -> None:
    nothing = np.full((7, 2), np.nan)
    for happened, rows in ((nothing, 7), (np.zeros((0, 2)), 0)):
        assert not adaptation.quantile_shifts(spread(rows), past_of(happened), LEVELS, FREE).any()
        assert adaptation.odds(np.zeros((rows, 2, 1)), past_of(happened), FREE).tolist() == [[0, 1], [0, 1]]


# Odds


@pytest.mark.long
@given(intercept=st.floats(-1, 1), slope=st.floats(0.5, 2))
def test_odds_that_are_wrong_by_a_line_are_put_right(intercept: float, slope: float) -> None:
    draw = np.random.default_rng(3)
    true = draw.normal(size=(20_000, 1))
    happened = (draw.uniform(size=true.shape) < expit(true)).astype(float)
    said = ((true - intercept) / slope)[..., None]
    fitted = adaptation.odds(said, past_of(happened), FREE)
    assert fitted[0] == pytest.approx([intercept, slope], abs=0.12)  # se of the slope: .02 x slope
    assert adaptation.recalibrated(said, fitted)[..., 0] == pytest.approx(true, abs=0.3)


def test_where_no_event_was_seen_odds_stay_finite_and_within_bounds() -> None:
    fitted = adaptation.odds(np.full((500, 1, 1), -2.0), past_of(np.zeros((500, 1))), AdaptationSettings(largest=0.5))
    assert np.isfinite(fitted).all()
    assert np.abs(fitted - [0, 1]).max() <= 0.5
    assert fitted[0, 0] < 0


@given(probability=st.floats(0.05, 0.95))
def test_a_mix_of_logits_lies_between_its_members(probability: float) -> None:
    low, high = sorted((logit(probability), logit(0.3)))
    output = {"federated": np.full((1, 2, 1), logit(probability)), "local": np.full((1, 2, 1), logit(0.3))}
    pairs = {name: (np.zeros((0, 2, 1)), value) for name, value in output.items()}
    mixed = adaptation.adapted(pairs, past_of(np.zeros((0, 2))), EVENTS, AdaptationSettings(), "adapted")
    assert mixed is not None
    assert ((mixed >= low - 1e-9) & (mixed <= high + 1e-9)).all()


# Arms


@pytest.mark.parametrize("arm", ADAPTED)
def test_shares_add_up_and_no_arm_takes_the_federated_model_in_secret(arm: str) -> None:
    shares = adaptation.mix_shares(arm, AdaptationSettings(share=0.3))
    assert sum(shares.values()) == pytest.approx(1)
    assert shares.get("federated", 0.0) == (0.3 if arm == "adapted" else 0.0)


def test_without_a_local_model_the_mix_is_the_federated_one_and_the_local_arms_are_not() -> None:
    outputs = {"federated": (spread(5), spread(5))}
    past = past_of(uniform(5))
    untouched = AdaptationSettings(largest=0.0)
    assert np.array_equal(adaptation.adapted(outputs, past, _levelled(), untouched, "adapted"), spread(5))  # type: ignore[arg-type]
    assert adaptation.adapted(outputs, past, _levelled(), untouched, "local_adapted") is None
    assert adaptation.adapted(outputs, past, _levelled(), untouched, "local_pair") is None


def test_members_count_by_their_share() -> None:
    outputs = {"federated": (spread(5), spread(5) + 1), "local": (spread(5), spread(5))}
    mixed = adaptation.adapted(
        outputs, past_of(uniform(5)), _levelled(), AdaptationSettings(share=0.25, largest=0.0), "adapted"
    )
    assert mixed == pytest.approx(spread(5) + 0.25)


def _levelled() -> Task:
    return replace(TOY, levels=LEVELS)


# In the vault


def at_its_end(vault: Vault, rounds: int = 1) -> tuple[Admission, dict[tuple[str, str], Sums]]:
    """A run to its end: the admission of the test, and (part, arm) -> headline sums of what left."""
    plan = plan_of(rounds=rounds, arms=["federated", "local", *ADAPTED], keep_best=1)
    for round_ in range(1, rounds + 1):
        reply_frame(vault, request_bytes("train", round_, plan))
    reply_frame(vault, request_bytes("validate", rounds + 1, plan))
    request = request_bytes("test", rounds + 2, plan)
    admission = doors.admit(vault, request)
    sums: dict[tuple[str, str], dict[str, Array]] = {}
    for path, value in reply_frame(vault, request).group("score").items():
        part, arm, score, name = path.split("/")
        if score == "mse":
            sums.setdefault((part, arm), {})[name] = value
    return admission, dict(sums)


def test_horizons_with_fewer_values_than_the_cohort_correct_nothing() -> None:
    past = past_of(uniform(30))
    past.target[5:, 0] = np.nan
    kept = scoring._enough(past, 24).target
    assert np.isnan(kept[:, 0]).all()
    np.testing.assert_array_equal(kept[:, 1:], past.target[:, 1:])
    assert np.isfinite(past.target[:5, 0]).all()  # the records themselves are as they were


@pytest.mark.usefixtures("toy")
def test_of_adapted_arms_the_sums_of_the_test_leave_and_of_the_twin_nothing(tmp_path: Path) -> None:
    admission, left = at_its_end(vault_in(tmp_path))
    assert {job.arm for job in admission.jobs} == {"federated", "local", "twin"}
    assert {arm for part, arm in left if part == "test"} == {"federated", "local", *ADAPTED, "zero", "oracle"}
    assert {arm for part, arm in left if part == "validation"} == {"federated", "local", "zero", "oracle"}


@pytest.mark.usefixtures("toy")
def test_the_sums_are_those_of_the_mixed_and_shifted_forecast(tmp_path: Path) -> None:
    vault = vault_in(tmp_path)
    admission, left = at_its_end(vault)
    assert admission.request is not None
    past, now = (vault.records(admission.request.plan).windows[part] for part in ("validation", "test"))
    outputs = {result.job.arm: result.output for result in sequential.run(admission.jobs)}
    mixed = (outputs["federated"] + outputs["local"]) / 2  # type: ignore[operator]
    errors = past.target[..., None] - mixed[: len(past)]
    years = len(np.unique(past.due.astype("datetime64[Y]")))
    shift = np.clip(np.median(errors, axis=0) / (1 + 2 / years + 200 / len(past)), -0.5, 0.5)
    expected = np.square(mixed[len(past) :] + shift - now.observed[..., None]).sum(axis=(0, 2))
    assert left["test", "adapted"]["sum"][:-1] == pytest.approx(expected)


@pytest.mark.usefixtures("toy")
def test_the_twin_is_another_model_trained_on_the_same_records(tmp_path: Path) -> None:
    vault = vault_in(tmp_path)
    plan = plan_of(arms=["federated", "local", "local_pair"])
    first = {job.arm: job for job in doors.admit(vault, request_bytes("train", 1, plan)).jobs}
    reply_frame(vault, request_bytes("train", 1, plan))
    second = {job.arm: job for job in doors.admit(vault, request_bytes("train", 2, plan)).jobs}
    assert first["twin"].seed != first["local"].seed
    for name, start in first["twin"].start.items():
        assert not start.equal(first["local"].start[name])
        assert not start.equal(second["twin"].start[name])  # it learnt
    assert first["twin"].train is first["local"].train


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_no_label_of_the_test_reaches_an_adapted_forecast(task: Task, tmp_path: Path) -> None:
    """Other test labels, the same adapted forecasts; other validation labels, others."""
    settings = task.settings()
    task.synthesize(tmp_path, "LAO", 1, settings)
    windows = task.windows(task.read(tmp_path, "LAO", settings), settings)
    parts = dense(windows.only("validation")), dense(windows.only("test"))
    draw = np.random.default_rng(1)
    width = max(len(task.levels), 1)
    models = {
        arm: tuple(np.sort(draw.normal(size=(*part.target.shape, width)), axis=-1) for part in parts)
        for arm in ("federated", "local", "twin")
    }
    for arm in ADAPTED:

        def said(before: DenseWindows, now: DenseWindows, arm: str = arm) -> Array:
            past = adaptation.Past(target=before.target, due=before.due)
            output = adaptation.adapted(models, past, task, AdaptationSettings(), arm)  # type: ignore[arg-type]
            assert output is not None
            return task.forecast(output, now)

        poisoned = replace(parts[1], target=parts[1].target * 0 + 1, observed=parts[1].observed * 0 + 1)
        first = said(*parts)
        assert np.isfinite(first).all()
        assert np.array_equal(first, said(parts[0], poisoned))
        if task.levels:
            assert (np.diff(first, axis=-1) >= 0).all()
        other = replace(parts[0], target=1 - parts[0].target)
        assert not np.array_equal(first, said(other, parts[1]))


@pytest.mark.usefixtures("toy")
def test_what_happened_in_the_test_years_changes_no_adapted_forecast_of_a_vault(tmp_path: Path) -> None:
    """A poisoned future: the same file with other targets after the validation years, seen from the vault."""
    outputs = []
    for name in ("as it was", "poisoned"):
        vault = vault_in(tmp_path / name)
        if name == "poisoned":
            poison(vault.folder / TOY.file)
        admission, _ = at_its_end(vault)
        assert admission.request is not None
        pairs = {}
        size = len(vault.records(admission.request.plan).windows["validation"])
        for result in sequential.run(admission.jobs):
            assert result.output is not None
            pairs[result.job.arm] = (result.output[:size], result.output[size:])
        seen = vault.records(admission.request.plan).windows["validation"]
        past = adaptation.Past(target=seen.target, due=seen.due)
        outputs.append([adaptation.adapted(pairs, past, TOY, AdaptationSettings(), arm) for arm in ADAPTED])
    for was, is_now in zip(*outputs, strict=True):
        assert np.array_equal(was, is_now)


def poison(file: Path) -> None:
    """Adds 9 to every target after the validation years."""
    head, *lines = file.read_text().splitlines()
    last = ToySettings().calendar.validate_until
    changed = []
    for line in lines:
        place, month, push, target = line.split(",")
        changed.append(f"{place},{month},{push},{float(target) + (9 if month > last else 0)}")
    file.write_text("\n".join([head, *changed]) + "\n")
