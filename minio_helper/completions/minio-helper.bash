# Completion of minio-helper for bash. What it knows of options it asks minio-helper itself.

_minio_helper()
{
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    local command=${COMP_WORDS[1]} words
    COMPREPLY=()

    if [ "$COMP_CWORD" = 1 ]; then
        words="app-config check credentials database exec get import list put serve wait --help --version"
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
        return
    fi
    case $before in
        -f | --format)
            case $command in
                credentials)
                    words="process json env env-no-export fish powershell systemd
                        systemd-credentials docker-run compose aws mc mc-host rclone s3cmd
                        pgbackrest minio"
                    ;;
                app-config) words="env env-no-export fish powershell systemd docker-run compose" ;;
                database) words="uri conninfo env pgpass service" ;;
            esac
            ;;
        -n | --names) words="aws app pgbackrest wal-g restic litestream minio" ;;
        --on-change) words="none restart signal:HUP command:" ;;
        -t | --tenant) words=$(minio-helper list "${VAULT_ENVIRONMENT:-dev}/tenants" 2>/dev/null | tr -d /) ;;
        --for) words="alive login" ;;
        -o | --output | --token-dir | --template | --policy | --token-cache | --files)
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
            return
            ;;
    esac
    if [ "$command" = import ] && [ -z "$words" ] && [[ $word != -* ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
    fi
    if [ -z "$words" ] && [[ $word == -* ]]; then
        words=$(minio-helper "$command" --help 2>/dev/null | grep -oE '(^  -.,|^     ) --[a-z-]+' |
            grep -oE -- '--[a-z-]+')
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

complete -o default -F _minio_helper minio-helper
