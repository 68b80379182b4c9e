"""The parts of the cohort engine: chunks, choice."""

from dataclasses import asdict, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from federation.settings.parts import TrainingSettings
from federation.strategies import STRATEGIES
from federation.training import sequential
from federation.training.cohort import grouping
from federation.training.cohort.autotune import Trainer, choose_plan
from federation.training.cohort.chunks import ChunkPlan, active, chunks, steps_of
from federation.training.jobs import Job
from tests.federation.training.clients import Federation, clients_of, largest_difference, perceptron

TRAINING = TrainingSettings(lr=0.01, batch_size=8, epochs=2)


def jobs_of(sizes: list[int], strategy: str = "fedavg") -> list[Job]:
    """Jobs of one round, both arms."""
    return Federation(
        clients=clients_of(sizes), build=perceptron, strategy=STRATEGIES[strategy], settings=TRAINING
    ).jobs(1)


@given(sizes=st.lists(st.integers(1, 60), min_size=1, max_size=12), chunk=st.integers(1, 7))
@settings(max_examples=30, deadline=None)
def test_chunks_hold_every_job_once_and_the_active_are_a_prefix(sizes: list[int], chunk: int) -> None:
    jobs = jobs_of(sizes)
    cut = chunks(jobs, range(len(jobs)), chunk)
    assert sorted(place for one in cut for place in one) == list(range(len(jobs)))
    assert max(map(len, cut)) <= chunk
    assert max(map(len, cut)) - min(map(len, cut)) <= 1
    for one in cut:
        steps = [steps_of(jobs[place]) for place in one]
        assert steps == sorted(steps, reverse=True)
        assert sum(active(steps, step) for step in range(steps[0])) == sum(steps)  # no step is wasted


@given(sizes=st.lists(st.integers(1, 60), min_size=1, max_size=12), chunk=st.integers(1, 7))
@settings(max_examples=30, deadline=None)
def test_whole_chunks_have_one_size_but_for_the_last(sizes: list[int], chunk: int) -> None:
    jobs = jobs_of(sizes)
    cut = chunks(jobs, range(len(jobs)), chunk, whole=True)
    assert sorted(place for one in cut for place in one) == list(range(len(jobs)))
    assert {len(one) for one in cut[:-1]} <= {chunk}
    assert 1 <= len(cut[-1]) <= chunk


def test_arms_share_a_step_unless_a_penalty_holds_one_of_them() -> None:
    assert [len(group) for group in grouping.groups(jobs_of([5, 6, 7], "fedavg"))] == [6]
    assert [len(group) for group in grouping.groups(jobs_of([5, 6, 7], "fedprox"))] == [3, 3]


def test_many_small_clients_are_trained_together_and_a_few_are_not() -> None:
    many = choose_plan(jobs_of([24] * 48))
    assert many.plan.chunk > 1
    assert many.seconds[many.plan.chunk] < many.seconds[1]
    assert choose_plan(jobs_of([24])).plan == ChunkPlan(chunk=1)


def test_a_trainer_keeps_the_plan_of_its_first_round_or_follows_the_one_it_is_given() -> None:
    jobs = jobs_of([24] * 8)
    trainer = Trainer()
    scoring = [replace(job, train=None) for job in jobs]
    assert largest_difference(trainer(scoring), sequential.run(scoring)) < 1e-6
    assert vars(trainer)["plan"] is None  # nothing was trained yet
    first = trainer(jobs)
    assert trainer.plan is not None
    again = Trainer(plan=trainer.plan)(jobs)
    assert largest_difference(first, again) == 0.0


def test_a_plan_is_plain_values() -> None:
    plan = ChunkPlan(chunk=8, workers=2)
    assert ChunkPlan(**asdict(plan)) == plan
    assert replace(plan, chunk=9) != plan
