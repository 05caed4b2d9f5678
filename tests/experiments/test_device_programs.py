"""What models run on a GPU, lowered on a machine without one."""

import jax
import pytest

from experiments.device_programs import list_programs
from genjax.testing import IMAGE_SHAPE
from genjax.training.configuration import Training
from tests.helpers import NAMES, small

CPU_FORMS = b"conv_cpu.py"  # in the places in the source that a program names


def lower(name, platform):
    """Return the programs of the smallest form of a model, as they go to the compiler."""
    model = small(name, latent_dim=2, image_shape=()).for_images(IMAGE_SHAPE)
    programs = list_programs(model, Training(batch_size=4), num_images=8, num=2)
    return {
        program.name: jax.export.export(program.function, platforms=[platform])(
            *program.arguments, **program.options
        ).mlir_module_serialized
        for program in programs
        if program.name != "step"  # which an epoch has in it
    }


@pytest.mark.parametrize("name", NAMES)
def test_programs_lower_for_gpus_without_the_forms_of_a_cpu(name):
    found = lower(name, "cuda")
    assert {"epoch", "sample"} <= found.keys()
    assert not [program for program, text in found.items() if CPU_FORMS in text]


def test_a_program_names_the_forms_of_a_cpu():
    assert all(CPU_FORMS in text for text in lower("dcgan", "cpu").values())
