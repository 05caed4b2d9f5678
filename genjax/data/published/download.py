"""Find the original files of a data set: put there by hand, downloaded earlier, or now."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from genjax.data.published.formats import LABEL_NAMES
from genjax.errors import UserError
from genjax.runs.files import hash_file, replace_file
from genjax.runs.progress import progress

CONNECT_TIMEOUT, ANSWER_TIMEOUT, READ_TIMEOUT = 3, 8, 30  # seconds


def find_original_files(name: str, data_dir: Path) -> dict[str, Path]:
    """Find or download every original file of a data set; check it against TFDS's sha256.

    Returns:
        The paths by the published names of the files.

    Raises:
        ConnectionError: where a file is neither there nor can be downloaded.
        UserError: where a file is there and wrong, or cannot be written.
    """
    infos = get_url_infos(name)
    try:
        return {
            info.filename: _find_on_disk(name, info, data_dir)
            or _download(name, url, info, data_dir)
            for url, info in infos.items()
        }
    except ConnectionError as error:
        raise ConnectionError(
            f"- the original files in {find_manual_folder(name, data_dir)}: incomplete, needed are"
            f" {', '.join(info.filename for info in infos.values())}\n- {error}"
        ) from error


def find_manual_folder(name: str, data_dir: Path) -> Path:
    """Return where a user puts the original files by hand.

    Each data set has its own folder, for MNIST and Fashion-MNIST give their files the same names.
    """
    return data_dir / "downloads" / "manual" / name


def get_url_infos(name: str) -> dict[str, Any]:
    """Return TFDS's record of a data set's files: URL -> size, checksum, filename."""
    import tensorflow_datasets as tfds

    return tfds.builder_cls(name).url_infos


def _find_on_disk(name: str, info: Any, data_dir: Path) -> Path | None:
    manual = find_manual_folder(name, data_dir)
    for folder in (manual, manual.parent, data_dir / "downloads" / name):
        path = folder / info.filename
        if not path.is_file():
            continue
        found = hash_file(path)
        if found == info.checksum:
            return path
        if folder != manual.parent or not _belongs_to_another(found):
            raise UserError(
                f"{path} is not the original file of {name}: its sha256 is {found}, but must be"
                f" {info.checksum}. Replace it by the original, or move it away."
            )
    return None


def _belongs_to_another(sha256: str) -> bool:
    """Tell whether this is the checksum of another data set's file: they share names of files."""
    return any(
        sha256 == info.checksum for name in LABEL_NAMES for info in get_url_infos(name).values()
    )


def _download(name: str, url: str, info: Any, data_dir: Path) -> Path:
    import requests

    host, path = urlsplit(url).netloc, data_dir / "downloads" / name / info.filename
    try:
        with _request(url) as response:
            response.raise_for_status()
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, lambda file: _receive(response, file, info))
    except requests.HTTPError as error:
        raise ConnectionError(f"download from {host}: HTTP {error.response.status_code}") from error
    except (requests.RequestException, TimeoutError) as error:
        raise ConnectionError(f"download from {host}: no connection, or lost") from error
    except ConnectionError:
        raise
    except OSError as error:
        raise UserError(f"cannot write the download into {path.parent}: {error}.") from error
    return path


def _request(url: str) -> Any:
    """Start a download; its content is still to come.

    There are no retries, and also the look-up of the host's name has a time limit, so that a
    missing network shows within seconds.
    """
    import requests

    pool = ThreadPoolExecutor(1)
    try:
        answer = pool.submit(
            requests.get, url, stream=True, timeout=(CONNECT_TIMEOUT, READ_TIMEOUT)
        )
        return answer.result(ANSWER_TIMEOUT)
    finally:
        pool.shutdown(wait=False)


def _receive(response: Any, file: BinaryIO, info: Any) -> None:
    digest = hashlib.sha256()
    with progress(
        total=int(info.size), desc=info.filename, unit="B", unit_scale=True, unit_divisor=1024
    ) as bar:
        for block in response.iter_content(1 << 16):
            file.write(block)
            digest.update(block)
            bar.update(len(block))
    if digest.hexdigest() != info.checksum:
        raise ConnectionError(
            f"download from {urlsplit(response.url).netloc}: what came is not {info.filename}"
            f" (its sha256 is {digest.hexdigest()}, but must be {info.checksum})"
        )
