"""The products of an issue: one file a format, and the alert of the same month that its alert replaces."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from federation.errors import ArchiveError
from federation.issuing import archive
from federation.issuing.archive import RELEASED, Issue
from tasks.products.about import sidecar
from tasks.products.forecast import Issued
from tasks.products.replaced import Replaced, read_alert
from tasks.task import Task

CAP = "cap"
SUFFIX = {CAP: "xml", "hubverse_tasks": "json", "hubverse_target_data": "json"}  # format -> ending of its file
ABOUT = ".about.json"  # written with every product: what it rests on


def products_of(task: Task, issued: Issued) -> tuple[dict[str, bytes], dict[str, str]]:
    """File -> bytes of every product with what it rests on, and format -> why there is none."""
    files: dict[str, bytes] = {}
    unwritten: dict[str, str] = {}
    for form, write in task.products.items():
        if form == CAP and not issued.coming.any():
            unwritten[form] = f"{issued.windows.due.max()}, the last {issued.panel.step} of this forecast, is over"
            continue
        product = write(issued)
        if product.text is None:
            unwritten[form] = product.summary
            continue
        name = file_of(form)
        files[name] = product.text.encode()
        files[f"{name}{ABOUT}"] = sidecar(issued, form).encode()
    return files, unwritten


def file_of(form: str) -> str:
    """The name of a product's file in its issue's folder."""
    return f"{form}.{SUFFIX.get(form, 'csv')}"


def summaries(task: Task, issued: Issued, unwritten: Mapping[str, str]) -> Iterator[str]:
    for form in task.products:
        yield f"{form}: {'none: ' + unwritten[form] if form in unwritten else task.products[form](issued).summary}"


def after(issued: Issued, earlier: list[Issue]) -> Issued:
    """The forecast as one that follows earlier issues of its origin: sent after them, and replacing their alert."""
    sent = issued.sent
    for each in earlier:  # of an exercise, whose day may be that of the one before
        sent = max(sent, datetime.fromisoformat(each.content.sent) + timedelta(minutes=1))
    alerts = [each for each in earlier if each.state == RELEASED and file_of(CAP) in each.content.products]
    last = read_alert(archive.product_of(alerts[-1], file_of(CAP)).decode()) if alerts else None
    if last is None or last.kind == "Cancel" or last.sender != issued.sender:
        return replace(issued, sent=sent)
    return replace(issued, sent=sent, replaces=last)


def replaced_by(issue: Issue) -> Replaced | None:
    """The alert that an issue's alert replaces. Raises ArchiveError where it is gone."""
    if not issue.content.replaces:
        return None
    for each in archive.issues(issue.home, issue.content.task, issue.content.origin):
        if file_of(CAP) in each.content.products:
            alert = read_alert(archive.product_of(each, file_of(CAP)).decode())
            if alert.identifier == issue.content.replaces:
                return alert
    raise ArchiveError(f"issue {issue.name} replaces {issue.content.replaces}, which is not in the archive")
