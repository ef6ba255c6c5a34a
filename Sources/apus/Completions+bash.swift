extension Completions {
    /// What is added to the script for bash.
    ///
    /// By itself that shell splits words at : and = too, so no HOST:PORT would be completed, and nothing behind an address.
    static let wholeWords = #"""
        _apus_whole_words() {
            local line="${COMP_LINE}" word prefix=
            local -i i index=-1 current=0
            local -a words=()
            for i in "${!COMP_WORDS[@]}"; do
                word="${COMP_WORDS[i]}"
                if ((i == 0)) || [[ "${line}" = [[:blank:]]* ]]; then
                    words[++index]=
                elif [[ "${word}" = '=' && "${words[index]}" = --* ]]; then
                    # An option's value is a word of its own.
                    words[++index]=
                    line="${line#=}"
                    word=
                fi
                if ((i == COMP_CWORD)); then
                    current=index
                    prefix="${words[index]}"
                    if [[ "${word}" = [:=]* ]]; then prefix+="${word}"; fi
                fi
                words[index]+="${word}"
                line="${line#"${line%%[![:blank:]]*}"}"
                line="${line#"${word}"}"
            done
            local -a COMP_WORDS=("${words[@]}")
            local -i COMP_CWORD=current
            _apus "${1}" "${prefix}${2}" "${COMP_WORDS[COMP_CWORD - 1]}"
            # Bash puts them in the place of what it takes for the word.
            COMPREPLY=("${COMPREPLY[@]#"${prefix}"}")
        }
        complete -o filenames -F _apus_whole_words apus
        """#
}
