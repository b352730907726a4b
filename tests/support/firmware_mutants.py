"""Firmware that breaks one rule each: a text of its source, and what stands there instead.

The counterparts of ``mutants``, where C has the same rule in one place.
"""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

FIRMWARE = Path(__file__).resolve().parents[2] / "firmware"


@dataclass(frozen=True)
class Mutant:
    """A change of the core.

    Attributes:
        file: of the core.
        right, wrong: what stands there, and what a mutant has in its place, wherever it stands.
        caught_by: parts of the name of a test of the suite that must notice it.
    """

    file: str
    right: str
    wrong: str
    caught_by: str

    def changed(self):
        """The source with the change."""
        text = (FIRMWARE / "core" / self.file).read_text()
        assert self.right in text, f"{self.file} has changed: {self.right}"
        return text.replace(self.right, self.wrong)


MUTANTS = {
    "answers_wrong": Mutant(
        "requests.c", "add_bytes(body, 4);", "add(u32(body) ^ 1, 4);", "frames_may_come_many_at_once"
    ),
    "takes_any_digest": Mutant(
        "requests.c", "code = memcmp(digest, p, 16) ?", "code = 0 ?", "bytes_under_a_wrong_digest"
    ),
    "has_no_heartbeat": Mutant(
        "delivery.c",
        " || t - w->last_sent >= config.heartbeat",
        "",
        "idle_device_gives_signs_of_life",
    ),
    "ignores_the_hosts_window": Mutant(
        "delivery.c",
        "s->window < SEND_WINDOW ? s->window : SEND_WINDOW",
        "SEND_WINDOW",
        "keeps_to_the_hosts_window",
    ),
    "takes_more_than_its_window": Mutant(
        "delivery.c", "s->held_bytes + wire_bytes > WINDOW", "0", "more_than_the_window_is_refused"
    ),
    "acts_twice_on_what_comes_twice": Mutant(
        "delivery.c",
        "uint16_t ahead = u16(p + 3) - s->expected;",
        "uint16_t ahead = 0;",
        "comes_twice_is_acted_on_once",
    ),
    "checks_no_crc": Mutant(
        "codec.c",
        " || u32(bytes + out - 4) != crc32(0, bytes, out - 4)",
        "",
        "damaged_frame_counts_for_nothing",
    ),
    "lets_observers_drive": Mutant(
        "requests.c", "driven) && s->role != DRIVE", "driven) && 0", "observer_may_not_drive"
    ),
    "forgets_sessions": Mutant(
        "handshake.c", "if (!s->confirmed || !config.resume)", "if (1)", "session_goes_on_after_a_cut"
    ),
    "keeps_sessions_that_were_left": Mutant(
        "delivery.c",
        "            w->session->confirmed = false;\n",
        "",
        "was_left_cannot_be_resumed",
    ),
    "keeps_no_budget": Mutant(
        "store.c", "    s->budget = budget;", "    (void)budget;", "budget_is_said_and_kept"
    ),
    "has_no_fault_timeout": Mutant(
        "frame.c", "now() - hand.part_at >= tree.fault_timeout", "0", "waits_too_long_is_given_up"
    ),
    "cancels_nothing": Mutant(
        "frame.c",
        "frame_in_hand() && hand.number == number",
        "number && !number",
        "cancelled_frame_has_no_result",
    ),
    "adds_wrong": Mutant(
        "head.c", "logits[n] = sum;", "logits[n] = sum + 1;", "faults_until_its_objects_are_there"
    ),
    "counts_planes_alike": Mutant(
        "head.c", "* (1 << plane)", "* (plane ? 1 : 1)", "are_summed_by_powers_of_two"
    ),
    "ignores_columns": Mutant(
        "head.c",
        "if (segment[COLUMNS + *from % 256 / 8] >> *from % 8 & 1)",
        "if (1)",
        "columns_leaves_out_are_no_inputs",
    ),
    "counts_ternary_zeros": Mutant(
        "head.c",
        "there = these & ((1u << size) - 1);",
        "there = (1u << size) - 1;",
        "ternary_weights_of_a_layer_are_summed",
    ),
    "takes_zeros_for_signs": Mutant(
        "sequencer.c",
        "*bit = at < count ? digit == 2 : digit == 1;",
        "*bit = digit == 2;",
        "covers_expand_ternary_weights",
    ),
    "takes_any_ternary_byte": Mutant(
        "objects.c",
        "if (*p++ >= powers[count - at < 5 ? count - at : 0])",
        "if (*p++ >= 250)",
        "bytes_that_are_no_ternary_weights",
    ),
    "compares_inputs_with_what_was_read": Mutant(
        "verify.c",
        "bits_wanted(o->data) != tally->scanned_bits",
        "u16(o->data + 3) != tally->scanned_bits",
        "leaves_bits_out_wants_whole_rows_read",
    ),
    "forgets_the_level_of_in": Mutant(
        "sequencer.c", "level = in_level + v[5]", "level = v[5]", "level_follows_a_plane"
    ),
    "takes_the_last_of_equals": Mutant(
        "sequencer.c",
        "> run->logits[run->outcome]",
        ">= run->logits[run->outcome]",
        "of_equal_logits_the_first_wins",
    ),
    "adds_no_logits": Mutant(
        "sequencer.c",
        "(uint32_t)run->logits[i] + (uint32_t)run->earlier[i]",
        "(uint32_t)run->logits[i]",
        "logits_of_parts_add_up",
    ),
    "adds_its_own_logits": Mutant(
        "frame.c", "logits[(hand.depth + 1) % 2]", "logits[hand.depth % 2]", "logits_of_parts_add_up"
    ),
    "adds_what_there_is": Mutant(
        "sequencer.c", "if (run->logit_count != run->earlier_count)", "if (0)", "cannot_be_added"
    ),
    "forgets_registers": Mutant(
        "sequencer.c",
        "    run->covers.node = node;\n",
        "    static const uint8_t none[8192];\n    array_write(7, none);\n    run->covers.node = node;\n",
        "what_the_one_before_it_left_there",
    ),
    "loads_covers_on_their_side": Mutant(
        "sequencer.c",
        "select_pattern(value >> row << shift, (value & column) << shift, free >> row << shift | others,\n"
        "                       (free & column) << shift | others);",
        "select_pattern((value & column) << shift, value >> row << shift,\n"
        "                       (free & column) << shift | others, free >> row << shift | others);",
        "covers_expand_over_any_grid",
    ),
    "writes_planes_a_byte_off": Mutant(
        "sequencer.c",
        "array_write((unsigned)v[1], plane);",
        "array_write((unsigned)v[1], plane - 1);",
        "plane_is_written_bit_by_bit",
    ),
    "bounds_no_loop": Mutant("course.c", "    times *= n->times;\n", "    times = 1;\n", "no_known_end"),
    "runs_a_round_too_many": Mutant(
        "course.c",
        "v[0] ? (unsigned)v[0] - 1 : 0, true",
        "(unsigned)v[0], true",
        "operand_follows_a_variable",
    ),
    "leaves_a_branch_only": Mutant(
        "course.c", "while (!run->open[run->depth - 1].repeats)", "while (0)", "branch_runs_one_of_its_parts"
    ),
    "runs_the_else_too": Mutant(
        "course.c",
        "case STEP_ELSE: pass_over(run, 1, false); break;",
        "case STEP_ELSE: break;",
        "branch_runs_one_of_its_parts",
    ),
    "runs_words_backwards": Mutant(
        "sequencer.c",
        "    array_execute(block->at, block->words, 1);",
        "    for (unsigned i = block->words; i--;)\n        array_execute(block->at + i, 1, 1);",
        "digital_macro_has_its_documented_result",
    ),
    "rounds_exposures_down": Mutant(
        "exposure.c",
        "(2 * exposure.us * EXPOSURE_TARGET + divisor)",
        "(2 * exposure.us * EXPOSURE_TARGET)",
        "follows_the_brightness_by_the_rule",
    ),
    "keeps_the_exposure_of_a_session": Mutant(
        "requests.c", "    exposure_give_back();\n", "", "exposure_ends_with_its_session"
    ),
}
"""Each mutant by its name."""


def build(mutant, folder):
    """Compile the Linux port with a change; the program."""
    copy = folder / "firmware"
    shutil.copytree(FIRMWARE, copy, ignore=shutil.ignore_patterns("build", "__pycache__"))
    (copy / "core" / mutant.file).write_text(mutant.changed())
    sources = [path for room in ("core", "ports", "ports/linux") for path in (copy / room).glob("*.c")]
    subprocess.run(["cc", "-std=c99", "-w", "-o", folder / "mutant", *sorted(sources)], check=True)
    return folder / "mutant"
