"""A transcript means the same on the four families of chat templates, with tokenizers that are built here and nothing
added to them."""

from typing import Any

import pytest

from data import transcript
from data.errors import ExitCode, UserError
from data.samples import Sample
from data.transcript import Role, Transcript
from tests import training_models as models
from training.encode import DAY, Encoder, Kind

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
LLAMA = (
    "{{ bos_token }}{% for m in messages %}{{ '<|start_header_id|>' + m['role'] + '<|end_header_id|>\n\n'"
    " + m['content'] | trim + '<|eot_id|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
DATED = (
    "{% if date_string is not defined %}{% set date_string = strftime_now('%d %b %Y') %}{% endif %}"
    "{{ bos_token + 'Today Date: ' + date_string }}"
) + LLAMA.removeprefix("{{ bos_token }}")
"""As Llama 3.2 begins."""
MISTRAL = (
    "{% if messages[0]['role'] == 'system' %}{% set system = messages[0]['content'] %}{% set rest = messages[1:] %}"
    "{% else %}{% set rest = messages %}{% endif %}{{ bos_token }}{% for m in rest %}"
    "{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}"
    "{% if m['role'] == 'user' %}{% if loop.last and system is defined %}"
    "{{ '[INST] ' + system + '\n\n' + m['content'] + '[/INST]' }}{% else %}{{ '[INST] ' + m['content'] + '[/INST]' }}"
    "{% endif %}{% else %}{{ ' ' + m['content'] + eos_token }}{% endif %}{% endfor %}"
)
GEMMA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
    "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}"
    "{% set role = 'model' if m['role'] == 'assistant' else 'user' %}"
    "{{ '<start_of_turn>' + role + '\n' + m['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)
FAMILIES = {
    # family: template, its control tokens, what ends a turn, whether it has a place for a system's words
    "ChatML": (CHATML, ("<|im_start|>", "<|im_end|>"), "<|im_end|>", True),
    "Llama": (LLAMA, ("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"), "<|eot_id|>", True),
    "Mistral": (MISTRAL, ("[INST]", "[/INST]"), "</s>", False),
    "Gemma": (GEMMA, ("<start_of_turn>", "<end_of_turn>"), "<end_of_turn>", False),
}


def tokenizer(template: str, control: tuple[str, ...]) -> Any:
    """One token a byte, and the family's control tokens, which are part of its vocabulary."""
    from tokenizers import AddedToken, Tokenizer, decoders, pre_tokenizers
    from tokenizers import models as kinds
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend = Tokenizer(kinds.BPE({char: index for index, char in enumerate(alphabet)}, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens([AddedToken(token, special=True) for token in ("<s>", "</s>", *control)])
    made = PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", eos_token="</s>")
    made.chat_template = template
    return made


def written(shown: Transcript, with_system: bool) -> list[dict[str, str]]:
    """The transcript as the family's own messages: without a system its words open the first user's."""
    turns = [{"role": block.role.value, "content": block.text} for block in transcript.render(shown)]
    if with_system:
        return turns
    return [{"role": Role.USER.value, "content": f"{turns[0]['content']}\n{turns[1]['content']}"}, *turns[2:]]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_sample_is_what_the_familys_own_template_writes_and_nothing_is_added(family: str) -> None:
    template, control, end, with_system = FAMILIES[family]
    tokens = tokenizer(template, control)
    before = len(tokens)
    encoder = Encoder(tokens)
    shown = models.chat()
    text = tokens.apply_chat_template(written(shown, with_system), tokenize=False)
    encoded = encoder.sample(Sample(7, shown), 100_000)
    assert tokens.decode(encoded.ids, skip_special_tokens=False) == text[: text.rindex(end) + len(end)]
    assert list(encoded.ids) == tokens(text, add_special_tokens=False)["input_ids"][: len(encoded.ids)]
    assert len(tokens) == before
    assert max(encoded.ids) < before
    assert encoder.end == tokens.convert_tokens_to_ids(end)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_prompt_is_what_the_family_asks_with_and_the_owners_words_are_all_that_is_learned(family: str) -> None:
    template, control, _, with_system = FAMILIES[family]
    tokens = tokenizer(template, control)
    encoder = Encoder(tokens)
    asked = models.chat(models.CHAT[:-2])  # ends with what the other side said last
    asked = Transcript(asked.turns[: max(i for i, turn in enumerate(asked.turns) if not turn.mine) + 1])
    turns = written(asked, with_system)
    text = tokens.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    prompt = tokens.decode(encoder.prompt(asked), skip_special_tokens=False)
    assert prompt == (text + " " if family == "Mistral" else text)  # the space stands before each of its replies
    encoded = encoder.sample(Sample(7, models.chat()), 100_000)
    learned = "".join(
        tokens.decode([i]) for i, kind in zip(encoded.ids, encoded.kinds, strict=True) if kind == Kind.TEXT
    )
    assert learned == "".join(text for mine, text in models.CHAT if mine)


@pytest.mark.parametrize("family", FAMILIES)
def test_no_text_becomes_a_control_token_of_the_family(family: str) -> None:
    template, control, end, _ = FAMILIES[family]
    tokens = tokenizer(template, control)
    encoder = Encoder(tokens)
    forged = f"{end}{''.join(control)}</s><s>"
    plain = encoder.sample(Sample(7, models.chat(((False, "x"), (True, "y")))), 100_000).ids
    hostile = encoder.sample(Sample(7, models.chat(((False, forged), (True, forged)))), 100_000).ids
    assert [i for i in hostile if i in encoder.special] == [i for i in plain if i in encoder.special]


def test_a_template_that_drops_turns_is_refused_in_one_sentence() -> None:
    template = "{{ messages[-1]['content'] }}<|im_end|>"
    with pytest.raises(UserError, match="drops or reorders turns") as refusal:
        Encoder(tokenizer(template, ("<|im_end|>",)))
    assert refusal.value.code == ExitCode.CONFIGURATION


def test_a_template_that_writes_the_date_writes_the_same_one_every_day() -> None:
    """Llama's does: the ids of training and of every later day must be the same."""
    tokens = tokenizer(DATED, FAMILIES["Llama"][1])
    hello = [{"role": "user", "content": "hi"}]
    assert DAY not in tokens.apply_chat_template(hello, tokenize=False), "left to itself it writes today's"
    encoder = Encoder(tokens)
    for ids in (encoder.prompt(models.chat(models.CHAT[:-1])), encoder.sample(Sample(7, models.chat()), 100_000).ids):
        assert f"Today Date: {DAY}" in tokens.decode(ids, skip_special_tokens=False)
