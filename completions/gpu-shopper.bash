# Completion of gpu-shopper for bash: made by `gpu-shopper completion bash`; do not edit.

_gpu_shopper_spec() {
  verbs= args=
  flags='--help -h --json -q --quiet --sandbox' valued='-o:=table,json,jsonl,wide,name,csv --output:=table,json,jsonl,wide,name,csv --fields: --progress:=auto,plain,json,none --color:=auto,always,never --host:'
  case $1 in
    '') verbs="inventory plan provision ls sessions get wait top extend restart set done shutdown receipt ssh cp pull sync code jupyter run logs costs budget report consumers status why alarms audit watchdog custody adopt forget events keys config notify ssh-config daemon backup doctor completion version help demo sandbox" flags="$flags --version" ;;
    'inventory') flags="$flags --verified" valued="$valued -g:gpu --gpu:gpu --gpu-type:gpu -p:cloud --provider:cloud --account:cloud --gpus: --min-gpus: --min-vram: --max-price: --min-reliability: --min-cuda: --region:=EU,AE,AL,AM,AR,AT,AU,AZ,BA,BD,BE,BG,BH,BR,BY,CA,CH,CL,CN,CO,CR,CY,CZ,DE,DK,EC,EE,EG,ES,FI,FR,GB,GE,GR,HK,HR,HU,ID,IE,IL,IN,IS,IT,JP,KE,KR,KZ,LI,LT,LU,LV,MA,MD,ME,MK,MO,MT,MX,MY,NG,NL,NO,NZ,OM,PA,PE,PH,PK,PL,PR,PT,PY,QA,RO,RS,RU,SA,SE,SG,SI,SK,TH,TN,TR,TW,UA,US,UY,UZ,VN,ZA --location:=EU,AE,AL,AM,AR,AT,AU,AZ,BA,BD,BE,BG,BH,BR,BY,CA,CH,CL,CN,CO,CR,CY,CZ,DE,DK,EC,EE,EG,ES,FI,FR,GB,GE,GR,HK,HR,HU,ID,IE,IL,IN,IS,IT,JP,KE,KR,KZ,LI,LT,LU,LV,MA,MD,ME,MK,MO,MT,MX,MY,NG,NL,NO,NZ,OM,PA,PE,PH,PK,PL,PR,PT,PY,QA,RO,RS,RU,SA,SE,SG,SI,SK,TH,TN,TR,TW,UA,US,UY,UZ,VN,ZA --disk: --cpus: --ram: --exclude-host: --sort:=price,price-per-gpu,value,vram,reliability,gpus --group-by:=gpu,cloud,region --offset: --limit:" ;;
    'plan') flags="$flags --verified --allow-unguarded" valued="$valued -g:gpu --gpu:gpu --gpu-type:gpu -p:cloud --provider:cloud --account:cloud --gpus: --min-gpus: --min-vram: --max-price: --min-reliability: --min-cuda: --region:=EU,AE,AL,AM,AR,AT,AU,AZ,BA,BD,BE,BG,BH,BR,BY,CA,CH,CL,CN,CO,CR,CY,CZ,DE,DK,EC,EE,EG,ES,FI,FR,GB,GE,GR,HK,HR,HU,ID,IE,IL,IN,IS,IT,JP,KE,KR,KZ,LI,LT,LU,LV,MA,MD,ME,MK,MO,MT,MX,MY,NG,NL,NO,NZ,OM,PA,PE,PH,PK,PL,PR,PT,PY,QA,RO,RS,RU,SA,SE,SG,SI,SK,TH,TN,TR,TW,UA,US,UY,UZ,VN,ZA --location:=EU,AE,AL,AM,AR,AT,AU,AZ,BA,BD,BE,BG,BH,BR,BY,CA,CH,CL,CN,CO,CR,CY,CZ,DE,DK,EC,EE,EG,ES,FI,FR,GB,GE,GR,HK,HR,HU,ID,IE,IL,IN,IS,IT,JP,KE,KR,KZ,LI,LT,LU,LV,MA,MD,ME,MK,MO,MT,MX,MY,NG,NL,NO,NZ,OM,PA,PE,PH,PK,PL,PR,PT,PY,QA,RO,RS,RU,SA,SE,SG,SI,SK,TH,TN,TR,TW,UA,US,UY,UZ,VN,ZA --disk: --cpus: --ram: --exclude-host: -i:offer --offer:offer --offer-id:offer --image: --retries: -t: --hours: --for: --until: -c:consumer --consumer:consumer --consumer-id:consumer --tag:tag --idle: --idle-when:=any,gpu --contact: --hold: --pull: --pull-max: --before-end: --land-for:" ;;
    'provision') flags="$flags --verified --allow-unguarded --keep-stopped --image-login --allow-broken-guard --no-wait --dry-run -y --yes" valued="$valued -g:gpu --gpu:gpu --gpu-type:gpu -p:cloud --provider:cloud --account:cloud --gpus: --min-gpus: --min-vram: --max-price: --min-reliability: --min-cuda: --region:=EU,AE,AL,AM,AR,AT,AU,AZ,BA,BD,BE,BG,BH,BR,BY,CA,CH,CL,CN,CO,CR,CY,CZ,DE,DK,EC,EE,EG,ES,FI,FR,GB,GE,GR,HK,HR,HU,ID,IE,IL,IN,IS,IT,JP,KE,KR,KZ,LI,LT,LU,LV,MA,MD,ME,MK,MO,MT,MX,MY,NG,NL,NO,NZ,OM,PA,PE,PH,PK,PL,PR,PT,PY,QA,RO,RS,RU,SA,SE,SG,SI,SK,TH,TN,TR,TW,UA,US,UY,UZ,VN,ZA --location:=EU,AE,AL,AM,AR,AT,AU,AZ,BA,BD,BE,BG,BH,BR,BY,CA,CH,CL,CN,CO,CR,CY,CZ,DE,DK,EC,EE,EG,ES,FI,FR,GB,GE,GR,HK,HR,HU,ID,IE,IL,IN,IS,IT,JP,KE,KR,KZ,LI,LT,LU,LV,MA,MD,ME,MK,MO,MT,MX,MY,NG,NL,NO,NZ,OM,PA,PE,PH,PK,PL,PR,PT,PY,QA,RO,RS,RU,SA,SE,SG,SI,SK,TH,TN,TR,TW,UA,US,UY,UZ,VN,ZA --disk: --cpus: --ram: --exclude-host: -i:offer --offer:offer --offer-id:offer --image: --retries: -t: --hours: --for: --until: --name: --like:any --wait-for-capacity: --hard-max: --reason: --timeout: -c:consumer --consumer:consumer --consumer-id:consumer --tag:tag --idle: --idle-when:=any,gpu --contact: --hold: --pull: --pull-max: --before-end: --land-for: -e: --env: --secret-env: --env-file:file --setup:file --onstart:file" ;;
    'ls') flags="$flags -a --all -w --watch" valued="$valued -c:consumer --consumer:consumer -s:=pending,provisioning,running,stopping,destroyed,failed --status:=pending,provisioning,running,stopping,destroyed,failed" ;;
    'sessions') verbs="delete done extend get list receipt" flags="$flags -a --all -w --watch" valued="$valued -c:consumer --consumer:consumer -s:=pending,provisioning,running,stopping,destroyed,failed --status:=pending,provisioning,running,stopping,destroyed,failed" ;;
    'sessions delete') flags="$flags --no-wait --dry-run -y --yes" valued="$valued --wait:=off,proven --timeout:" args="session" ;;
    'sessions done') flags="$flags --no-wait --dry-run -y --yes" valued="$valued --wait:=off,proven --timeout:" args="session" ;;
    'sessions extend') flags="$flags --no-wait --dry-run -y --yes" valued="$valued -t: --hours: --for: --until: --timeout:" args="session" ;;
    'sessions get') flags="$flags --receipt" args="any" ;;
    'sessions list') flags="$flags -a --all -w --watch" valued="$valued -c:consumer --consumer:consumer -s:=pending,provisioning,running,stopping,destroyed,failed --status:=pending,provisioning,running,stopping,destroyed,failed" ;;
    'sessions receipt') args="any" ;;
    'get') flags="$flags --receipt" args="any" ;;
    'wait') flags="$flags --exit-status" valued="$valued --for:=ready,off,proven,ended,run: --timeout:" args="session..." ;;
    'top') : ;;
    'extend') flags="$flags --no-wait --dry-run -y --yes" valued="$valued -t: --hours: --for: --until: --timeout:" args="session" ;;
    'restart') flags="$flags --dry-run -y --yes" args="session" ;;
    'set') flags="$flags --no-wait" valued="$valued --idle: --idle-when:=any,gpu --contact: --hold: --pull: --pull-max: --before-end: --land-for: --tag:tag --untag:tag_key --timeout:" args="session" ;;
    'done') flags="$flags --no-wait --dry-run -y --yes" valued="$valued --wait:=off,proven --timeout:" args="session" ;;
    'shutdown') flags="$flags --all -f --force --no-wait --dry-run -y --yes" valued="$valued --wait:=off,proven --timeout:" args="session..." ;;
    'receipt') args="any" ;;
    'ssh') flags="$flags -N --no-shell -t --tty --print" valued="$valued -L: --port: -R:" args="session" ;;
    'cp') flags="$flags --mkdir -v --verbose -r -R --recursive --resume" valued="$valued --exclude:" args="remote..." ;;
    'pull') valued="$valued --pull-max:" args="session - file" ;;
    'sync') flags="$flags --overwrite --dry-run" args="=up,down session file -" ;;
    'code') flags="$flags --print" valued="$valued --editor:" args="session -" ;;
    'jupyter') flags="$flags --no-browser" valued="$valued --port:" args="session" ;;
    'run') verbs="ls stop" flags="$flags -d --detach" valued="$valued --rm:=always,success --hold: -e: --env: --secret-env: --env-file:file" args="session" ;;
    'run ls') args="any" ;;
    'run stop') flags="$flags --keep" args="session run" ;;
    'logs') flags="$flags -f --follow -l --list --provider --exit-status" valued="$valued -n: --tail:" args="any run" ;;
    'costs') verbs="show summary" flags="$flags --csv --rebuild --verify" valued="$valued -c:consumer --consumer:consumer -s:any --session:any --tag:tag -p:=daily,monthly --period:=daily,monthly --since: --start: --until: --end: --by:=session,consumer,cloud,account,gpu,tag,day,month" ;;
    'costs show') flags="$flags --csv --rebuild --verify" valued="$valued -c:consumer --consumer:consumer -s:any --session:any --tag:tag -p:=daily,monthly --period:=daily,monthly --since: --start: --until: --end: --by:=session,consumer,cloud,account,gpu,tag,day,month" ;;
    'costs summary') valued="$valued -c:consumer --consumer:consumer -p:=daily,monthly --period:=daily,monthly --since: --start: --until: --end:" ;;
    'budget') verbs="ls rm set show" ;;
    'budget ls') : ;;
    'budget rm') args="budget" ;;
    'budget set') flags="$flags --all --stop-now --dry-run -y --yes" valued="$valued --daily: --monthly: --session: --consumer:consumer --account:cloud --tag:tag --at-80:=warn,none --at-100:=refuse,stop" args="budget" ;;
    'budget show') args="budget" ;;
    'report') flags="$flags --csv" valued="$valued --month: --by:=session,consumer,cloud,account,gpu,tag,day,month" args="any" ;;
    'consumers') verbs="add ls rename show" ;;
    'consumers add') args="consumer" ;;
    'consumers ls') : ;;
    'consumers rename') args="consumer -" ;;
    'consumers show') args="consumer" ;;
    'status') : ;;
    'why') flags="$flags --replay" args="any" ;;
    'alarms') verbs="ack list" ;;
    'alarms ack') flags="$flags --all" args="alarm" ;;
    'alarms list') : ;;
    'audit') verbs="instances log" ;;
    'audit instances') : ;;
    'audit log') flags="$flags --verify" valued="$valued -s:any --session:any -n: --limit: --head:" ;;
    'watchdog') flags="$flags --dry-run --once -q --quiet" valued="$valued --installation: -p:cloud --provider:cloud --key-file:file" ;;
    'custody') valued="$valued --host:" args="any" ;;
    'adopt') flags="$flags --dry-run -y --yes" valued="$valued -t: --hours: --for: --until: -p:cloud --provider:cloud --name:" args="-" ;;
    'forget') flags="$flags --i-checked-the-console" valued="$valued --instance:" args="session" ;;
    'events') flags="$flags -f --follow" valued="$valued --since: --until: --kind:=absence_observed,account_trusted,adopted,alarm,alarm_cleared,alert_given_up,attempt_terminating,boot_progress,budget_changed,closed,compacted,consumer_added,consumer_renamed,created,destroy_sent,destroying,disk_gone,disk_left,duplicate,end_files,end_requested,ended,ending,ending_withdrawn,ends_soon,extended,forgotten,idle,interrupted,landing,leftover,limits,limits_set,missing,not_pulled,passed_over,prepared,pull_failed,pulled,ready,reappeared,recovered,reopened,requested,restarted,run_end_allowed,run_end_withdrawn,run_ended,self_ended,sent,sent_again,tags_changed,uncertain,unwatched,waiting -s:any --session:any -n: --limit:" ;;
    'keys') verbs="list remove set test" ;;
    'keys list') : ;;
    'keys remove') args="cloud" ;;
    'keys set') flags="$flags --file --same-account" valued="$valued --user: --instance:" args="cloud" ;;
    'keys test') args="cloud" ;;
    'config') verbs="edit get installation path set show unset" ;;
    'config edit') : ;;
    'config get') args="=brakes.open_sessions,brakes.creates_per_hour,brakes.dollars_per_hour,money.time_zone,policy.name,keys.keyring,keys.keyring_seconds,metrics.port,daemon.group,daemon.group_folder,client.host,defaults.inventory.gpu,defaults.inventory.provider,defaults.inventory.gpus,defaults.inventory.vram,defaults.inventory.max_price,defaults.inventory.min_reliability,defaults.inventory.min_cuda,defaults.inventory.region,defaults.inventory.disk,defaults.inventory.cpus,defaults.inventory.ram,defaults.inventory.verified,defaults.inventory.exclude_host,defaults.inventory.sort,defaults.inventory.limit,defaults.provision.gpu,defaults.provision.provider,defaults.provision.gpus,defaults.provision.vram,defaults.provision.max_price,defaults.provision.min_reliability,defaults.provision.min_cuda,defaults.provision.region,defaults.provision.disk,defaults.provision.cpus,defaults.provision.ram,defaults.provision.verified,defaults.provision.exclude_host,defaults.provision.image,defaults.provision.hours,defaults.provision.retries,defaults.provision.consumer" ;;
    'config installation') args="=keep,new" ;;
    'config path') : ;;
    'config set') args="=brakes.open_sessions,brakes.creates_per_hour,brakes.dollars_per_hour,money.time_zone,policy.name,keys.keyring,keys.keyring_seconds,metrics.port,daemon.group,daemon.group_folder,client.host,defaults.inventory.gpu,defaults.inventory.provider,defaults.inventory.gpus,defaults.inventory.vram,defaults.inventory.max_price,defaults.inventory.min_reliability,defaults.inventory.min_cuda,defaults.inventory.region,defaults.inventory.disk,defaults.inventory.cpus,defaults.inventory.ram,defaults.inventory.verified,defaults.inventory.exclude_host,defaults.inventory.sort,defaults.inventory.limit,defaults.provision.gpu,defaults.provision.provider,defaults.provision.gpus,defaults.provision.vram,defaults.provision.max_price,defaults.provision.min_reliability,defaults.provision.min_cuda,defaults.provision.region,defaults.provision.disk,defaults.provision.cpus,defaults.provision.ram,defaults.provision.verified,defaults.provision.exclude_host,defaults.provision.image,defaults.provision.hours,defaults.provision.retries,defaults.provision.consumer -" ;;
    'config show') : ;;
    'config unset') args="=brakes.open_sessions,brakes.creates_per_hour,brakes.dollars_per_hour,money.time_zone,policy.name,keys.keyring,keys.keyring_seconds,metrics.port,daemon.group,daemon.group_folder,client.host,defaults.inventory.gpu,defaults.inventory.provider,defaults.inventory.gpus,defaults.inventory.vram,defaults.inventory.max_price,defaults.inventory.min_reliability,defaults.inventory.min_cuda,defaults.inventory.region,defaults.inventory.disk,defaults.inventory.cpus,defaults.inventory.ram,defaults.inventory.verified,defaults.inventory.exclude_host,defaults.inventory.sort,defaults.inventory.limit,defaults.provision.gpu,defaults.provision.provider,defaults.provision.gpus,defaults.provision.vram,defaults.provision.max_price,defaults.provision.min_reliability,defaults.provision.min_cuda,defaults.provision.region,defaults.provision.disk,defaults.provision.cpus,defaults.provision.ram,defaults.provision.verified,defaults.provision.exclude_host,defaults.provision.image,defaults.provision.hours,defaults.provision.retries,defaults.provision.consumer" ;;
    'notify') verbs="add ls rm test" ;;
    'notify add') flags="$flags --file" valued="$valued --kind:=webhook,slack,discord,ntfy,desktop,command --on:=budgets,ends-soon,ended,runs,alarms" args="channel file..." ;;
    'notify ls') : ;;
    'notify rm') args="channel" ;;
    'notify test') args="channel" ;;
    'ssh-config') verbs="install print remove" ;;
    'ssh-config install') : ;;
    'ssh-config print') : ;;
    'ssh-config remove') : ;;
    'daemon') verbs="install logs purge restart run start status stop uninstall" ;;
    'daemon install') flags="$flags --print --linger --no-linger" ;;
    'daemon logs') valued="$valued -n: --lines:" ;;
    'daemon purge') flags="$flags -y --yes --dry-run --i-checked-the-console" ;;
    'daemon restart') : ;;
    'daemon run') : ;;
    'daemon start') : ;;
    'daemon status') : ;;
    'daemon stop') : ;;
    'daemon uninstall') : ;;
    'backup') verbs="ls make restore" ;;
    'backup ls') : ;;
    'backup make') args="file" ;;
    'backup restore') flags="$flags --yes -y" args="backup" ;;
    'doctor') flags="$flags -y --yes" valued="$valued --trial:cloud --max-usd:" ;;
    'completion') verbs="bash fish install uninstall zsh" ;;
    'completion bash') : ;;
    'completion fish') : ;;
    'completion install') args="=bash,zsh,fish" ;;
    'completion uninstall') args="=bash,zsh,fish" ;;
    'completion zsh') : ;;
    'version') : ;;
    'help') args="=inventory,plan,provision,ls,sessions,get,wait,top,extend,restart,set,done,shutdown,receipt,ssh,cp,pull,sync,code,jupyter,run,logs,costs,budget,report,consumers,status,why,alarms,audit,watchdog,custody,adopt,forget,events,keys,config,notify,ssh-config,daemon,backup,doctor,completion,version,help,demo,sandbox,exit-codes,environment,formatting,safety" ;;
    'demo') flags="$flags --paper --keep" valued="$valued --seed:" ;;
    'sandbox') verbs="advance fault launch ledger revise start status stop" ;;
    'sandbox advance') args="-" ;;
    'sandbox fault') verbs="add clear list words" ;;
    'sandbox fault add') valued="$valued --count: --for: --instance: --chance:" args="cloud =search,create,list,get,destroy,label,account,logs,log_file,charges,any,host =drop,commit_then_500,commit_then_hang,commit_then_reset,commit_then_garbage,commit_then_no_id,error_with_id,late,dup,stopped,label_drop,label_cut,env_drop,stuck_loading,start_failure,unavailable,reject,id_never_exists,refused_yet_created,stranger_id,no_forwards,key_drop,lag,omit,page_cut,page_shift,dup_rows,foreign,empty200,null200,needs_key,stale_stock,null,404,stale,no_field,status_word,shape,ack_noop,delay,500_done,404_alive,404_gone,stop_instead,zombie,needs_min_age,no_content,misbill,revoke,zero_balance,balance_lag,price_change,status,auth404,429,429_plain_text,schema_change,pace,hang,dns,blackhole,drip,huge,reset,offline,captive_portal,slow,ssh_refuse,ssh_authfail,hostkey_change,reboot,clock_skew,no_egress,disk_full,agent_kill,key_scope -" ;;
    'sandbox fault clear') args="-" ;;
    'sandbox fault list') : ;;
    'sandbox fault words') : ;;
    'sandbox launch') valued="$valued --label:" args="cloud" ;;
    'sandbox ledger') : ;;
    'sandbox revise') args="- =destroy,host_destroy,stop,start,outbid,offline_host,online_host,reboot_host,contract_end,price_factor,reclaim_gpus,gpu_load,gpu_claim -" ;;
    'sandbox start') flags="$flags --paper --live --fresh" valued="$valued --seed: --rate-gaps:=on,off --clouds:cloud" ;;
    'sandbox status') : ;;
    'sandbox stop') : ;;
  esac
}

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
  local line home ask=(ssh -nT -o BatchMode=yes -o ConnectTimeout=2 -o LogLevel=QUIET)
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
    '='*) found=(${listed//,/ }) ;;
    gpu) found=(3060 3080 3090 4070 4080 4090 5080 5090 A4000 A5000 A6000 A10 A40 A100 H100 H200 B200 L4 L40 L40S T4 V100 RTX6000Ada) ;;
    cloud) found=(vast tensordock); _gpu_shopper_names account '' ;;
    backup) found=(newest); _gpu_shopper_names backup '' ;;
    session) _gpu_shopper_names open '' ;;
    any) _gpu_shopper_names 'open ended' '' ;;
    run)
      [ -n "$first" ] || return 0
      _gpu_shopper_there "$first" 'ls -1t "$HOME/.gpu-shopper/runs" 2>/dev/null | head -n 50' ''
      [ ${#found[@]} != 0 ] || _gpu_shopper_names run '' "$first" ;;
    remote)
      case $current in
        *:*[!A-Za-z0-9._/+@%~-]*|-*) ;;
        *:*) _gpu_shopper_there "${current%%:*}" "ls -1dp -- ${current#*:}* 2>/dev/null | head -n 200" "${current%%:*}:" ;;
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
  for kind in $args; do
    case $kind in
      *...) want=${kind%...}; break ;;
    esac
    [ "$place" != 0 ] || { want=$kind; break; }
    place=$((place-1))
  done
  [ -z "$verbs" ] || [ -n "$first" ] || { argument=$want; want=verb; }
}

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
