"""Django's ``translate`` and ``blocktranslate``, quick for English readers: the template holds what they read.

Each page has about two hundred texts. Asking a catalogue for the English of an English text costs a tenth of the page.
"""

from __future__ import annotations

from typing import Any

from django import template
from django.template.base import Node, NodeList, Parser, TextNode, Token, TokenType, VariableNode
from django.template.context import Context
from django.templatetags import i18n

from reviewapp.words import grouped

register = template.Library()


class Counted(int):
    """What a text counts: a number to the plural forms, with its thousands parted to the reader."""

    def __str__(self) -> str:
        return grouped(int(self))


def _is_english(context: Context) -> bool:
    """As the middleware noted it; outside of requests nothing is known, and Django's own nodes find out."""
    return getattr(getattr(context, "request", None), "LANGUAGE_CODE", "") == "en"


class Text(Node):
    """One text without values: ``whole`` is Django's node for the other languages."""

    child_nodelists = ()

    def __init__(self, whole: i18n.TranslateNode, english: str) -> None:
        self.whole, self.english = whole, english

    def render(self, context: Context) -> Any:
        return self.english if _is_english(context) else self.whole.render(context)


class Block(Node):
    """A text with values, or two of them where something is counted."""

    child_nodelists = ()

    def __init__(self, whole: i18n.BlockTranslateNode, parser: Parser) -> None:
        self.whole = whole
        self.singular = _nodes(whole.singular, parser)
        self.plural = _nodes(whole.plural or [], parser)

    def render(self, context: Context) -> Any:
        if not _is_english(context):
            return self.whole.render(context)
        whole = self.whole
        if not whole.extra_context and whole.counter is None:
            return self.singular.render(context)
        values = {name: value.resolve(context) for name, value in whole.extra_context.items()}
        with context.push(**values):
            if whole.counter is None:
                return self.singular.render(context)
            count = whole.counter.resolve(context)
            context[str(whole.countervar)] = count
            return (self.singular if count == 1 else self.plural).render(context)


def _nodes(tokens: list[Token], parser: Parser) -> NodeList:
    is_text = TokenType.TEXT
    nodes = [
        TextNode(token.contents) if token.token_type == is_text else VariableNode(parser.compile_filter(token.contents))
        for token in tokens
    ]
    for node, token in zip(nodes, tokens, strict=True):
        node.token = token  # what an error names
        if parser.origin is not None:
            node.origin = parser.origin
    return NodeList(nodes)


@register.tag
def translate(parser: Parser, token: Token) -> Node:
    node = i18n.do_translate(parser, token)
    found = node.filter_expression
    literal = getattr(found.var, "literal", None)
    if found.filters or node.asvar or node.message_context or not isinstance(literal, str):
        return node
    return Text(node, literal)


@register.tag
def blocktranslate(parser: Parser, token: Token) -> Node:
    node = i18n.do_block_translate(parser, token)
    if node.counter is not None:
        node.counter.filters.append((Counted, []))
    if node.asvar or node.message_context or node.trimmed:
        return node
    return Block(node, parser)
