"""A saved view of MLflow's run page as the JSON text of an experiment's tag: charts, columns, filter and order.

The form is that of MLflow 3.17's own front end, which writes the same tag when a person saves a view.
"""

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

TAG = "mlflow.sharedViewState."  # and the view's key, which a link names
MODE = "workflowType=machine_learning"  # of a link: model training, for MLflow opens on language models
Card = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Section:
    """Charts under one heading. columns: side by side. height: of a chart, pixels."""

    title: str
    cards: Sequence[Card]
    columns: int = 2
    height: int = 360


@dataclass(frozen=True, kw_only=True)
class View:
    """columns: id -> width in pixels, in their order. search: MLflow's filter of runs. order: id of a column."""

    name: str
    search: str
    order: str
    columns: Mapping[str, int]
    sections: Sequence[Section]
    ascending: bool = False


def metric(name: str) -> str:
    """The id of a metric's column."""
    return f"metrics.`{name}`"


def param(name: str) -> str:
    """The id of a parameter's column."""
    return f"params.`{name}`"


def tag(name: str) -> str:
    """The id of a tag's column."""
    return f"tags.`{name}`"


NOTE = "attributes.`Description`"


def bars(names: Sequence[str], title: str = "") -> Card:
    """A bar a run for each metric."""
    return {"type": "BAR", "metricKey": names[0], "selectedMetricKeys": list(names), "displayName": title}


def curves(names: Sequence[str]) -> Card:
    """A line a run and metric over the rounds."""
    return {
        "type": "LINE",
        "metricKey": names[0],
        "selectedMetricKeys": list(names),
        "displayName": "",
        "lineSmoothness": 0,
        "scaleType": "linear",
        "xAxisKey": "step",
        "xAxisScaleType": "linear",
        "selectedXAxisMetricKey": "",
        "yAxisKey": "metric",
        "yAxisExpressions": [],
        "ignoreOutliers": False,
        "useGlobalXaxisKey": True,
        "useGlobalLineSmoothing": True,
        "range": {},
    }


def differing_params() -> Card:
    """A table of the parameters in which the runs differ."""
    return {
        "type": "DIFFERENCE",
        "displayName": "What was set differently",
        "chartName": "Runs difference view",
        "compareGroups": ["Parameters"],
        "showChangeFromBaseline": False,
        "showDifferencesOnly": True,
        "baselineColumnUuid": "",
    }


def envelope(view: View, now: int) -> str:
    """The value of the experiment's tag. now: milliseconds since 1970."""
    packed = base64.b64encode(zlib.compress(json.dumps(_state(view)).encode())).decode()
    return json.dumps({"name": view.name, "createdAt": now, "updatedAt": now, "state": f"deflate;{packed}"})


def _state(view: View) -> dict[str, Any]:
    return {
        "searchFilter": view.search,
        "orderByKey": view.order,
        "orderByAsc": view.ascending,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "modelVersionFilter": "All Runs",
        "datasetsFilter": [],
        "selectedColumns": list(view.columns),
        "columnOrder": list(view.columns),
        "columnWidths": dict(view.columns),
        "runsHiddenMode": "FIRST_20_RUNS",
        "compareRunCharts": [_card(card, i, j) for i, each in enumerate(view.sections) for j, card in _cards(each)],
        "compareRunSections": [_section(each, i) for i, each in enumerate(view.sections)],
        "isAccordionReordered": True,
        "viewMaximized": False,
        "runListHidden": False,
        "useGroupedValuesInCharts": True,
        "hideEmptyCharts": True,
        "groupBy": None,
        "groupsExpanded": {},
        "globalLineChartConfig": {"xAxisKey": "step", "lineSmoothness": 0, "selectedXAxisMetricKey": ""},
        "chartsSearchFilter": "",
    }


def _cards(section: Section) -> Sequence[tuple[int, Card]]:
    return list(enumerate(section.cards))


def _card(card: Card, section: int, place: int) -> dict[str, Any]:
    common = {
        "uuid": f"gotong-{section}-{place}",
        "metricSectionId": f"gotong-{section}",
        "deleted": False,
        "isGenerated": False,
        "runsCountToCompare": 20,
    }
    return common | dict(card)


def _section(section: Section, place: int) -> dict[str, Any]:
    return {
        "uuid": f"gotong-{place}",
        "name": f"{place + 1} {section.title}",
        "display": True,
        "isReordered": True,
        "deleted": False,
        "isGenerated": False,
        "columns": section.columns,
        "cardHeight": section.height,
    }
