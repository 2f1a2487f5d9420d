"""The script for fish: the same look-up in its own language."""

from __future__ import annotations

from collections.abc import Sequence

from gpushopper.cli.commands.completion.command_tree import (
    LIST_PATHS,
    LIST_RUNS,
    SSH_OPTIONS,
    Completed,
    common,
)
from gpushopper.cli.commands.completion.known_values import CLOUDS, GPUS

TEXT = """\
# Completion of gpu-shopper for fish: made by `gpu-shopper completion fish`; do not edit.

function __gpu_shopper_spec
    set -g __gs_verbs
    set -g __gs_args
    set -g __gs_options @COMMON@
    switch "$argv[1]"
@CASES@    end
end

# Names come from a file that the daemon writes; without it there are none.
function __gpu_shopper_home
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
    if test $__gs_sandbox = 1
        set home $home/sandbox
    else if string match -qr -- '^[A-Za-z0-9._-]+$' "$__gs_host"; and test "$__gs_host" != local
        set home $home/hosts/$__gs_host
    else if test -n "$__gs_host"; and test "$__gs_host" != local
        set home $home/hosts/-
    end
    echo $home
end

function __gpu_shopper_names
    set -l home (__gpu_shopper_home)
    test -r $home/names; or return
    while read -l -d \\t kind name rest
        contains -- $kind $argv[2..]; and printf '%s%s\\t%s\\n' $name "$argv[1]" "$rest"
    end <$home/names
end

# What a session's instance answers, line by line, each after a prefix; of a host that the daemon has listed alone.
function __gpu_shopper_there
    set -l config (__gpu_shopper_home)/ssh/config
    set -l known 0
    test -r $config; or return
    while read -l line
        test "$line" = "Host gpu-shopper-$argv[1]"; and set known 1
    end <$config
    test $known = 1; or return
    command ssh -nT -F $config @SSH_OPTIONS@ gpu-shopper-$argv[1] $argv[2] 2>/dev/null | command head -c 65536 |
        string match -r '^[^[:cntrl:]]+$' | string replace -r '^' "$argv[3]"
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
        case backup
            echo newest
            __gpu_shopper_names '' backup
        case session
            __gpu_shopper_names '' open
        case any
            __gpu_shopper_names '' open ended
        case run
            test -n "$__gs_first"; or return
            set -l there (__gpu_shopper_there $__gs_first '@RUNS@' '')
            if test -n "$there"
                printf '%s\\n' $there
            else
                set -l session (string escape --style=regex -- $__gs_first)
                __gpu_shopper_names '' run | string match -r "^.*(?=\\t$session\\$)"
            end
        case remote
            if string match -qr '^[^:]+:[A-Za-z0-9._/+@%~-]*$' -- $__gs_current
                set -l name (string replace -r ':.*' '' -- $__gs_current)
                set -l path (string replace -r '^[^:]*:' '' -- $__gs_current)
                __gpu_shopper_there $name "@PATHS@" $name:
            else
                __gpu_shopper_names : open
                __fish_complete_path $__gs_current
            end
        case file
            __fish_complete_path $__gs_current
        case '' -
        case '*'
            __gpu_shopper_names '' $argv[1]
    end
end

function __gpu_shopper_option
    set -l kind (string match -- "$argv[1]:*" $__gs_options)[1]
    __gpu_shopper_values (string replace -r '^[^:]*:' '' -- $kind)
end

function __gpu_shopper
    set -g __gs_sandbox 0
    set -g __gs_host "$GPU_SHOPPER_HOST"
    set -g __gs_first ''
    set -g __gs_current (commandline -ct)
    set -l path
    set -l place 0
    set -l skip ''
    __gpu_shopper_spec ''
    for word in (commandline -opc)[2..]
        if test -n "$skip"
            test "$path$skip" = --host; and set __gs_host $word
            set skip ''
            continue
        end
        switch $word
            case --
                __gpu_shopper_values file
                return
            case --sandbox
                set __gs_sandbox 1
            case '--host=*'
                test -z "$path"; and set __gs_host (string replace -- '--host=' '' $word)
            case '-*'
                string match -q -- "$word:*" $__gs_options; and set skip $word
            case '*'
                if contains -- $word (string replace -r ':.*' '' -- $__gs_verbs)
                    set path $path $word
                    __gpu_shopper_spec "$path"
                else
                    test -n "$__gs_first"; or set __gs_first $word
                    set place (math $place + 1)
                end
        end
    end
    if test -n "$skip"
        __gpu_shopper_option $skip
        return
    end
    if string match -qr -- '^--[^=]*=' $__gs_current
        set -l option (string replace -r '=.*' '' -- $__gs_current)
        set __gs_current (string replace -r '^[^=]*=' '' -- $__gs_current)
        __gpu_shopper_option $option | string replace -r -- '^' "$option="
        return
    end
    if string match -q -- '-*' $__gs_current
        string replace -r ':.*' '' -- $__gs_options
        return
    end
    if test -z "$__gs_first"; and test -n "$__gs_verbs"
        string replace ':' \\t -- $__gs_verbs
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
        "@SSH_OPTIONS@": SSH_OPTIONS,
        "@RUNS@": LIST_RUNS,
        "@PATHS@": LIST_PATHS.format("$path"),
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
