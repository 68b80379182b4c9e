"""Public files that are recognised and not read: no task has a use for them yet."""

from tasks.importers.contract import Format

LANDSLIDES = Format(
    title="NASA landslide catalogue",
    recognises=lambda columns: {"landslide_type", "trigger", "fatalities", "latitude", "longitude"} <= columns,
    why_unused="no task needs it: press reports, 1,463 in ten years of the whole region, too few per cell and month to "
    "distinguish a month without a landslide from one without a reporter",
)
CYCLONES = Format(
    title="IBTrACS cyclone tracks",
    recognises=lambda columns: {"SID", "ISO_TIME", "LAT", "LON"} <= columns,
    why_unused="no task needs it: a track is known days ahead, not the month ahead that the disaster task forecasts",
)
SPAM = Format(
    title="MapSPAM rice areas",
    columns=frozenset(("x", "y", "area_spam", "area_i", "area_r", "area_h", "area_l", "area_s")),
    why_unused="no task needs it: the crop area table has the areas of maize too, in one unit",
)
