"""What an installed wheel promises before anything is called."""

from importlib import metadata, resources

import tollhouse


def test_version_is_the_one_in_the_metadata() -> None:
    assert tollhouse.__version__ == metadata.version("tollhouse")


def test_package_says_that_it_is_typed() -> None:
    assert resources.files(tollhouse).joinpath("py.typed").is_file()


def test_every_public_name_exists() -> None:
    assert [name for name in tollhouse.__all__ if not hasattr(tollhouse, name)] == []
