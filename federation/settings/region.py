"""Who takes part in a federation: countries, or synthetic facilities of countries."""

from dataclasses import dataclass, field

from federation.errors import ConfigError
from tasks.places.countries import problem_with
from tasks.places.facilities import facilities

MOST = 100_000  # facilities; catches a typing mistake, not what a machine cannot hold


@dataclass  # not frozen: Hydra merges it
class RegionSettings:
    """Who takes part. Codes are ISO 3166-1 alpha-3.

    facilities: number of synthetic clients in all countries together, instead of one client a country, to simulate
    federations of provinces or clinics; tables and tracking stay by country. 0: every country is one client.
    """

    name: str = "ASEAN"  # of the row that sums them up
    countries: list[str] = field(default_factory=list)  # their codes
    facilities: int = 0

    def clients(self) -> list[str]:
        """Codes of all who take part, in alphabetical order."""
        countries = sorted(self.countries)
        return facilities(countries, self.facilities) if self.facilities else countries

    def check(self) -> None:
        """Raise ConfigError for a region that is empty, misnamed, or names a country twice or wrongly."""
        if not self.countries:
            raise ConfigError("region.countries is empty; give codes, such as region.countries=[THA,VNM]")
        if len(self.name) in (0, 3):
            raise ConfigError(
                f"region.name={self.name!r} must be a name, and not of three letters as country codes are"
            )
        for code in self.countries:
            if wrong := problem_with(code):
                raise ConfigError(f"region.countries: {wrong}")
            if self.countries.count(code) > 1:
                raise ConfigError(f"region.countries names {code} twice; name every country once")
        if self.facilities and not len(self.countries) <= self.facilities <= MOST:
            raise ConfigError(
                f"region.facilities={self.facilities} must be between {len(self.countries)}, one a country, and {MOST}"
            )
