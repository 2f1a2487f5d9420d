"""The scripts for bash and zsh. Both look words up in the same `case`, which is made from the command tree."""

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

HEAD = "# Completion of gpu-shopper for {shell}: made by `gpu-shopper completion {shell}`; do not edit.\n"

# Names come from a file that the daemon writes; without it there are none.
# `current` is the word at the cursor, `first` the first argument before it.
NAMES = r"""
_gpu_shopper_home() {
  home=${GPU_SHOPPER_HOME:-}
  if [ -z "$home" ]; then
    case ${OSTYPE:-} in
      darwin*) home="$HOME/Library/Application Support/gpu-shopper" ;;
      *) home=${XDG_DATA_HOME:-$HOME/.local/share}/gpu-shopper ;;
    esac
  fi
  [ "$sandbox" = 0 ] || { home=$home/sandbox; return; }
  case $host in
    ''|local) ;;
    *[!A-Za-z0-9._-]*) home=$home/hosts/- ;;
    *) home=$home/hosts/$host ;;
  esac
}

_gpu_shopper_names() {
  local kind name rest home
  _gpu_shopper_home
  [ -r "$home/names" ] || return 0
  while IFS=$'\t' read -r kind name rest; do
    case " $1 " in *" $kind "*) [ "${3-}" != "" ] && [ "$3" != "$rest" ] || found+=("$name$2") ;; esac
  done <"$home/names"
}

# What a session's instance answers, line by line, each after a prefix; of a host that the daemon has listed alone.
_gpu_shopper_there() {
  local line home ask=(ssh -nT @SSH_OPTIONS@)
  _gpu_shopper_home
  [ -r "$home/ssh/config" ] || return 0
  [[ $'\n'$(<"$home/ssh/config")$'\n' == *$'\n'"Host gpu-shopper-$1"$'\n'* ]] || return 0
  while IFS= read -r line; do
    [[ -z $line || $line == *[[:cntrl:]]* ]] || found+=("$3$line")
  done < <(command "${ask[@]}" -F "$home/ssh/config" "gpu-shopper-$1" "$2" 2>/dev/null | command head -c 65536)
}

_gpu_shopper_values() {
  local listed=${1#=}
  found=()
  case $1 in
    '='*) found=(@SPLIT_LISTED@) ;;
    gpu) found=(@GPUS@) ;;
    cloud) found=(@CLOUDS@); _gpu_shopper_names account '' ;;
    backup) found=(newest); _gpu_shopper_names backup '' ;;
    session) _gpu_shopper_names open '' ;;
    any) _gpu_shopper_names 'open ended' '' ;;
    run)
      [ -n "$first" ] || return 0
      _gpu_shopper_there "$first" '@RUNS@' ''
      [ ${#found[@]} != 0 ] || _gpu_shopper_names run '' "$first" ;;
    remote)
      case $current in
        *:*[!A-Za-z0-9._/+@%~-]*|-*) ;;
        *:*) _gpu_shopper_there "${current%%:*}" "@PATHS@" "${current%%:*}:" ;;
        *) _gpu_shopper_names open : ;;
      esac ;;
    *) _gpu_shopper_names "$1" '' ;;
  esac
}

# Where the cursor is: `want` is what may stand there, a kind, or `verb` or `option`; `argument` what else than a verb.
_gpu_shopper_place() {
  local word skip= path= place=0 kind
  sandbox=0 host=${GPU_SHOPPER_HOST:-} want= first= argument=
  _gpu_shopper_spec ''
  for word in "$@"; do
    if [ -n "$skip" ]; then
      [ "$path$skip" != --host ] || host=$word
      skip=
      continue
    fi
    case $word in
      --) want=file; return ;;
      --sandbox) sandbox=1 ;;
      --host=*) [ -n "$path" ] || host=${word#*=} ;;
      -*) case " $valued " in *" $word:"*) skip=$word ;; esac ;;
      *)
        case " $verbs " in
          *" $word "*) path="$path${path:+ }$word"; _gpu_shopper_spec "$path" ;;
          *) first=${first:-$word}; place=$((place+1)) ;;
        esac ;;
    esac
  done
  case $skip$current in
    --*=*) case " $valued " in *" ${current%%=*}:"*) skip=${current%%=*}; current=${current#*=} ;; esac ;;
  esac
  if [ -n "$skip" ]; then
    want=" $valued"; want=${want#*" $skip:"}; want=${want%% *}
    return
  fi
  case $current in -*) want=option; return ;; esac
  for kind in @SPLIT_ARGS@; do
    case $kind in
      *...) want=${kind%...}; break ;;
    esac
    [ "$place" != 0 ] || { want=$kind; break; }
    place=$((place-1))
  done
  [ -z "$verbs" ] || [ -n "$first" ] || { argument=$want; want=verb; }
}
"""

BASH = """
# The words up to the cursor: bash splits them at each `=` and `:`, which names, tags, offers and paths may have.
_gpu_shopper_words() {
  local line=${COMP_LINE:0:COMP_POINT} place word gap
  words=()
  for ((place=0; place<=COMP_CWORD; place++)); do
    word=${COMP_WORDS[place]}
    gap=${line%%[![:blank:]]*}
    line=${line#"$gap"}
    [ "$place" != "$COMP_CWORD" ] || word=$line
    line=${line#"$word"}
    if [ "$place" = 0 ] || [ -n "$gap" ]; then words+=("$word"); else words[${#words[@]}-1]+=$word; fi
  done
}

_gpu_shopper() {
  local current typed sandbox host want argument first verbs flags valued args each quoted cut sign words found=()
  _gpu_shopper_words
  typed=${words[${#words[@]}-1]} current=$typed
  _gpu_shopper_place "${words[@]:1:${#words[@]}-2}"
  COMPREPLY=()
  case $want in
    file) return ;;
    option) found=($flags); for each in $valued; do found+=("${each%%:*}"); done ;;
    verb) [ -z "$argument" ] || _gpu_shopper_values "$argument"; found=($verbs "${found[@]}") ;;
    ''|-) compopt +o default; return ;;
    *) _gpu_shopper_values "$want" ;;
  esac
  # What bash takes for words of their own stays in front of what it replaces.
  each=${typed%"$current"} cut=
  for sign in = :; do
    case $COMP_WORDBREAKS in *$sign*)
      case $typed in *$sign*) quoted=${typed%"${typed##*"$sign"}"}; [ ${#quoted} -le ${#cut} ] || cut=$quoted ;; esac ;;
    esac
  done
  typed=$each
  # Not by compgen -W, which runs a $(...) in its words: users choose the names of consumers and tags.
  for each in "${found[@]}"; do
    printf -v quoted %q "$each"
    [[ $each == "$current"* || $quoted == "$current"* ]] || continue
    quoted=$typed$quoted
    COMPREPLY+=("${quoted#"$cut"}")
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
  local current=$PREFIX sandbox host want argument first verbs flags valued args
  local -a described found
  _gpu_shopper_place "${(@)words[2,CURRENT-1]}"
  [ "$current" = "$PREFIX" ] || compset -P '*='
  case $want in
    file) _files ;;
    option) compadd -- ${=flags} ${${=valued}%%:*} ;;
    verb)
      [ -z "$argument" ] || { _gpu_shopper_values "$argument"; compadd -- $found; }
      _gpu_shopper_described "$described_path"; _describe -t commands command described ;;
    ''|-) ;;
    remote) _gpu_shopper_values remote; compadd -S '' -- $found; [[ $current = *:* ]] || _files ;;
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
    return (
        NAMES.replace("@GPUS@", " ".join(GPUS))
        .replace("@CLOUDS@", " ".join(CLOUDS))
        .replace("@SSH_OPTIONS@", SSH_OPTIONS)
        .replace("@RUNS@", LIST_RUNS)
        .replace("@PATHS@", LIST_PATHS.format("${current#*:}"))
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
