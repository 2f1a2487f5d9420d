"""The script for fish: the same look-up in its own language."""

from __future__ import annotations

from collections.abc import Sequence

from gpushopper.cli.commands.completion.command_tree import CLOUDS, GPUS, Completed, common

TEXT = """\
# Completion of gpu-shopper for fish: made by `gpu-shopper completion fish`; do not edit.

function __gpu_shopper_spec
    set -g __gs_verbs
    set -g __gs_args
    set -g __gs_options @COMMON@
    switch "$argv[1]"
@CASES@    end
end

# Names come from a file that the daemon writes; without it there are none. No program is started.
function __gpu_shopper_names
    set -l home $GPU_SHOPPER_HOME
    if test -z "$home"
        if test -d "$HOME/Library/Application Support/gpu-shopper"
            set home "$HOME/Library/Application Support/gpu-shopper"
        else if set -q XDG_DATA_HOME; and test -n "$XDG_DATA_HOME"
            set home $XDG_DATA_HOME/gpu-shopper
        else
            set home $HOME/.local/share/gpu-shopper
        end
    end
    test $__gs_sandbox = 0; or set home $home/sandbox
    test -r $home/names; or return
    while read -l -d \\t kind name rest
        contains -- $kind $argv[2..]; and printf '%s%s\\t%s\\n' $name "$argv[1]" "$rest"
    end <$home/names
end

function __gpu_shopper_values
    switch "$argv[1]"
        case '=*'
            string split , (string sub -s 2 -- $argv[1])
        case gpu
            printf '%s\\n' @GPUS@
        case cloud
            printf '%s\\n' @CLOUDS@
            __gpu_shopper_names '' account
        case session
            __gpu_shopper_names '' open
        case any
            __gpu_shopper_names '' open ended
        case remote
            __gpu_shopper_names : open
            __fish_complete_path (commandline -ct)
        case file
            __fish_complete_path (commandline -ct)
        case '' -
        case '*'
            __gpu_shopper_names '' $argv[1]
    end
end

function __gpu_shopper
    set -g __gs_sandbox 0
    set -l path
    set -l place 0
    set -l skip ''
    __gpu_shopper_spec ''
    for word in (commandline -opc)[2..]
        if test -n "$skip"
            set skip ''
            continue
        end
        switch $word
            case --
                __gpu_shopper_values file
                return
            case --sandbox
                set __gs_sandbox 1
            case '-*'
                string match -q -- "$word:*" $__gs_options; and set skip $word
            case '*'
                if contains -- $word (string replace -r ':.*' '' -- $__gs_verbs)
                    set path $path $word
                    __gpu_shopper_spec "$path"
                else
                    set place (math $place + 1)
                end
        end
    end
    if test -n "$skip"
        set -l kind (string match -- "$skip:*" $__gs_options)[1]
        __gpu_shopper_values (string replace -r '^[^:]*:' '' -- $kind)
        return
    end
    if string match -q -- '-*' (commandline -ct)
        string replace -r ':.*' '' -- $__gs_options
        return
    end
    if test $place = 0; and test -n "$__gs_verbs"
        string replace ':' \\t -- $__gs_verbs
        return
    end
    for kind in $__gs_args
        if string match -q -- '*...' $kind
            __gpu_shopper_values (string replace '...' '' -- $kind)
            return
        end
        if test $place = 0
            __gpu_shopper_values $kind
            return
        end
        set place (math $place - 1)
    end
end

complete -c gpu-shopper -e
complete -c gpu-shopper -f -a '(__gpu_shopper)'
"""


def fish(tree: Sequence[Completed]) -> str:
    """The script for fish 3.4 or newer."""
    filled = {
        "@COMMON@": _options(common()),
        "@CASES@": "".join(_case(each) for each in tree),
        "@GPUS@": " ".join(GPUS),
        "@CLOUDS@": " ".join(CLOUDS),
    }
    text = TEXT
    for mark, words in filled.items():
        text = text.replace(mark, words)
    return text


def _case(each: Completed) -> str:
    lines = [f"        case {_quoted(each.path)}\n"]
    if each.verbs:
        words = " ".join(_quoted(f"{name}:{text}") for name, text in each.verbs.items())
        lines.append(f"            set __gs_verbs {words}\n")
    if each.options:
        lines.append(f"            set -a __gs_options {_options(each.options)}\n")
    if each.arguments:
        lines.append(f"            set __gs_args {' '.join(_quoted(_kind(kind)) for kind in each.arguments)}\n")
    return "".join(lines)


def _kind(kind: str) -> str:
    return {"": "-", "...": "-..."}.get(kind, kind)


def _options(options: dict[str, str | None]) -> str:
    return " ".join(_quoted(name if kind is None else f"{name}:{kind}") for name, kind in options.items())


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
