"""The scripts for bash and zsh. Both look words up in the same `case`, which is made from the command tree."""

from __future__ import annotations

from collections.abc import Sequence

from gpushopper.cli.commands.completion.command_tree import CLOUDS, GPUS, Completed, common

HEAD = "# Completion of gpu-shopper for {shell}: made by `gpu-shopper completion {shell}`; do not edit.\n"

# Names come from a file that the daemon writes; without it there are none. No program is started.
NAMES = """
_gpu_shopper_names() {
  local kind name rest home=${GPU_SHOPPER_HOME:-}
  if [ -z "$home" ]; then
    case ${OSTYPE:-} in
      darwin*) home="$HOME/Library/Application Support/gpu-shopper" ;;
      *) home=${XDG_DATA_HOME:-$HOME/.local/share}/gpu-shopper ;;
    esac
  fi
  [ "$sandbox" = 0 ] || home=$home/sandbox
  [ -r "$home/names" ] || return 0
  while IFS='\t' read -r kind name rest; do
    case " $1 " in *" $kind "*) found+=("$name$2") ;; esac
  done <"$home/names"
}

_gpu_shopper_values() {
  local listed=${1#=}
  found=()
  case $1 in
    '='*) found=(@SPLIT_LISTED@) ;;
    gpu) found=(@GPUS@) ;;
    cloud) found=(@CLOUDS@); _gpu_shopper_names account '' ;;
    session) _gpu_shopper_names open '' ;;
    any) _gpu_shopper_names 'open ended' '' ;;
    remote) _gpu_shopper_names open : ;;
    *) _gpu_shopper_names "$1" '' ;;
  esac
}

# Where the cursor is: `want` is what may stand there, a kind, or `verb` or `option`.
_gpu_shopper_place() {
  local word skip= path= place=0 kind
  sandbox=0 want=
  _gpu_shopper_spec ''
  for word in "$@"; do
    if [ -n "$skip" ]; then
      [ "$word" = "=" ] || skip=
      continue
    fi
    case $word in
      --) want=file; return ;;
      --sandbox) sandbox=1 ;;
      -*) case " $valued " in *" $word:"*) skip=$word ;; esac ;;
      *)
        case " $verbs " in
          *" $word "*) path="$path${path:+ }$word"; _gpu_shopper_spec "$path" ;;
          *) place=$((place+1)) ;;
        esac ;;
    esac
  done
  if [ -n "$skip" ]; then
    want=" $valued"; want=${want#*" $skip:"}; want=${want%% *}
    return
  fi
  case $current in -*) want=option; return ;; esac
  [ -z "$verbs" ] || [ "$place" != 0 ] || { want=verb; return; }
  for kind in @SPLIT_ARGS@; do
    case $kind in
      *...) want=${kind%...}; return ;;
    esac
    [ "$place" != 0 ] || { want=$kind; return; }
    place=$((place-1))
  done
}
"""

BASH = """
_gpu_shopper() {
  local current=${COMP_WORDS[COMP_CWORD]} sandbox want verbs flags valued args each quoted found=()
  local before=("${COMP_WORDS[@]:1:COMP_CWORD-1}")
  [ "$current" != "=" ] || current=
  _gpu_shopper_place "${before[@]}"
  COMPREPLY=()
  case $want in
    file) return ;;
    option) found=($flags); for each in $valued; do found+=("${each%%:*}"); done ;;
    verb) found=($verbs) ;;
    ''|-) compopt +o default; return ;;
    *) _gpu_shopper_values "$want" ;;
  esac
  # Not by compgen -W, which runs a $(...) in its words: users choose the names of consumers and tags.
  for each in "${found[@]}"; do
    printf -v quoted %q "$each"
    if [[ $each == "$current"* || $quoted == "$current"* ]]; then COMPREPLY+=("$quoted"); fi
  done
  case $want in
    remote) compopt -o nospace ;;
    *) compopt +o default ;;
  esac
}

complete -o default -F _gpu_shopper gpu-shopper
"""

ZSH = """
_gpu_shopper() {
  emulate -L zsh
  setopt extended_glob
  local current=$PREFIX sandbox want verbs flags valued args
  local -a described found
  _gpu_shopper_place "${(@)words[2,CURRENT-1]}"
  case $want in
    file) _files ;;
    option) compadd -- ${=flags} ${${=valued}%%:*} ;;
    verb) _gpu_shopper_described "$described_path"; _describe -t commands command described ;;
    ''|-) ;;
    remote) _gpu_shopper_values remote; compadd -S '' -- $found; _files ;;
    *) _gpu_shopper_values "$want"; compadd -- $found ;;
  esac
}

if [ "$funcstack[1]" = _gpu_shopper ]; then
  _gpu_shopper "$@"
else
  (( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
  compdef _gpu_shopper gpu-shopper
fi
"""


def bash(tree: Sequence[Completed]) -> str:
    """The script for bash 4.4 or newer."""
    return HEAD.format(shell="bash") + _spec(tree) + _filled("$args", "${listed//,/ }") + BASH


def zsh(tree: Sequence[Completed]) -> str:
    """The script for zsh; also as a file `_gpu-shopper` in its fpath."""
    lines = [f"    {_quoted(each.path)}) described=({_described(each)}) ;;\n" for each in tree if each.verbs]
    described = "\n_gpu_shopper_described() {\n  case $1 in\n" + "".join(lines) + "  esac\n}\n"
    spec = _spec(tree).replace("_gpu_shopper_spec() {\n", "_gpu_shopper_spec() {\n  described_path=$1\n")
    return (
        "#compdef gpu-shopper\n"
        + HEAD.format(shell="zsh")
        + spec
        + described
        + _filled("${=args}", "${(s:,:)listed}")
        + ZSH.replace("local -a described", "local described_path\n  local -a described")
    )


def _filled(args: str, listed: str) -> str:
    text = NAMES.replace("\\t", "\t").replace("IFS='\t'", "IFS=$'\\t'")
    return (
        text.replace("@GPUS@", " ".join(GPUS))
        .replace("@CLOUDS@", " ".join(CLOUDS))
        .replace("@SPLIT_ARGS@", args)
        .replace("@SPLIT_LISTED@", listed)
    )


def _spec(tree: Sequence[Completed]) -> str:
    """`_gpu_shopper_spec PATH`: sets verbs, flags, valued (`--gpu:gpu`) and args of a command."""
    flags, valued = _split(common())
    lines = [f"    {_quoted(each.path)}) {_fields(each)} ;;\n" for each in tree]
    return (
        "\n_gpu_shopper_spec() {\n  verbs= args=\n"
        f"  flags={_quoted(flags)} valued={_quoted(valued)}\n  case $1 in\n{''.join(lines)}  esac\n}}\n"
    )


def _fields(each: Completed) -> str:
    flags, valued = _split(each.options)
    parts = {
        "verbs": " ".join(each.verbs),
        "flags": flags and f"$flags {flags}",
        "valued": valued and f"$valued {valued}",
        "args": " ".join(kind or "-" if not kind.startswith("...") else "-..." for kind in each.arguments),
    }
    return " ".join(f'{name}="{text}"' for name, text in parts.items() if text) or ":"


def _split(options: dict[str, str | None]) -> tuple[str, str]:
    """The flags, and the options with a value as `NAME:KIND`."""
    flags = " ".join(name for name, kind in options.items() if kind is None)
    return flags, " ".join(f"{name}:{kind}" for name, kind in options.items() if kind is not None)


def _described(each: Completed) -> str:
    return " ".join(_quoted(f"{name}:{text}") for name, text in each.verbs.items())


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
