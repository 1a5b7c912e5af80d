# Completion of @PROGRAM@'s command lines for bash. Made while building, from the tables that @PROGRAM@ parses with.
# Needs bash alone.
# shellcheck shell=bash

@TABLES@
# Adds what of $2... begins with $1 to COMPREPLY. Bash itself replaces only what stands behind the last colon or
# equals sign, where those part words.
_@PROGRAM@_offer() {
  local typed=$1 kept="" word
  shift
  [[ $COMP_WORDBREAKS == *:* && $typed == *:* ]] && kept=${typed%"${typed##*:}"}
  for word in "$@"; do
    [[ $word == "$typed"* ]] || continue
    word=${word#"$kept"}
    if [[ $word == *[[:space:]\'\"\$\&\;\(\)\<\>\|\`\\*?]* ]]; then printf -v word %q "$word"; fi
    COMPREPLY+=("$word")
  done
}

# Offers what a value can be that is completed by these words; $1 is what is typed of it.
_@PROGRAM@_value() {
  local typed=$1 word path scheme=""
  shift
  local -a found=()
  for word in "$@"; do
    case $word in
      @file | @directory)
        path=$typed
        if [[ $* == *" image:"* ]]; then
          # A medium: a file stands behind image:, a device behind floppy:.
          [[ $typed == image:* || $typed == floppy:/* ]] || continue
          scheme=${typed%%:*}:
          path=${typed#"$scheme"}
        fi
        while IFS= read -r path; do
          [[ -d $path ]] && path+=/
          found+=("$scheme$path")
        done < <(if [[ $word == @file ]]; then compgen -f -- "$path"; else compgen -d -- "$path"; fi)
        ;;
      floppy:) found+=(floppy:A: floppy:B:) ;;
      *) found+=("$word") ;;
    esac
  done
  _@PROGRAM@_offer "$typed" "${found[@]}"
  # No blank behind what goes on.
  if [[ ${#COMPREPLY[@]} -gt 0 && ${COMPREPLY[0]} == *[:/] ]]; then compopt -o nospace 2>/dev/null; fi
}

_@PROGRAM@() {
  COMPREPLY=()
  # The line is split by blanks alone, whatever COMP_WORDBREAKS says: a URI is one word.
  local line=${COMP_LINE:0:COMP_POINT} typed="" verb="" option="" first="" word name
  local -a words=() names=() all=()
  read -ra words <<<"$line"
  if [[ $line != *[[:space:]] ]]; then
    typed=${words[${#words[@]} - 1]}
    unset "words[${#words[@]} - 1]"
  fi
  mapfile -t all < <(_@PROGRAM@_verbs)

  # The verb, of one word or two, and whether an option waits for its value.
  for word in "${words[@]:1}"; do
    if [[ -n $option ]]; then
      option=""
    elif [[ $word == -* ]]; then
      if _@PROGRAM@_takes_value "$verb $word"; then option=$word; fi
    elif [[ -z $verb ]]; then
      first=${first:+$first }$word
      for name in "${all[@]}"; do
        if [[ $name == "$first" ]]; then verb=$name; fi
      done
    fi
  done

  if [[ -n $option ]]; then
    read -ra names < <(_@PROGRAM@_values "$verb $option")
    _@PROGRAM@_value "$typed" "${names[@]}"
  elif [[ $typed == --*=* ]]; then
    read -ra names < <(_@PROGRAM@_values "$verb ${typed%%=*}")
    _@PROGRAM@_value "${typed#*=}" "${names[@]}"
    if [[ $COMP_WORDBREAKS != *=* ]]; then COMPREPLY=("${COMPREPLY[@]/#/${typed%%=*}=}"); fi
  elif [[ $typed == -* && $typed != - ]]; then
    read -ra names < <(_@PROGRAM@_options "$verb")
    _@PROGRAM@_offer "$typed" "${names[@]}"
  elif [[ -z $verb ]]; then
    for name in "${all[@]}"; do
      if [[ -z $first ]]; then names+=("${name%% *}"); fi
      if [[ $name == "$first "* ]]; then names+=("${name#"$first "}"); fi
    done
    mapfile -t names < <(printf '%s\n' "${names[@]}" | sort -u)
    _@PROGRAM@_offer "$typed" "${names[@]}"
  else
    read -ra names < <(_@PROGRAM@_values "$verb")
    _@PROGRAM@_value "$typed" "${names[@]}"
  fi
}

complete -F _@PROGRAM@ @PROGRAM@
