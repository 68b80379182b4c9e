"""The 23 quantile levels of the COVID-19 and FluSight forecast hubs: what a forecast by quantiles states.

Source: https://github.com/cdcepi/FluSight-forecast-hub (model-output/README.md)
"""

LEVELS: tuple[float, ...] = (0.01, 0.025, *(round(step / 20, 2) for step in range(1, 20)), 0.975, 0.99)
