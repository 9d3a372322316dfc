# Ansible's raw over both of its connections for Windows hosts.
source "$(dirname "${BASH_SOURCE[0]}")/remote-lib.sh"
host=$node.lab.test
person anna "Holdfast Admins"
on client sh -c 'command -v ansible' >/dev/null || skip "ansible is not in the tools root"

# raw CONNECTION TEXT: the ticket is anna's own; Ansible wants a name and a password to be set all the same.
raw() {
        local settings
        case $1 in
        winrm) settings="ansible_port=5986 ansible_winrm_transport=kerberos ansible_winrm_kinit_mode=manual
                         ansible_winrm_server_cert_validation=ignore" ;;
        psrp) settings="ansible_port=5985 ansible_psrp_protocol=http ansible_psrp_auth=kerberos
                        ansible_psrp_message_encryption=always" ;;
        esac
        as anna env HOME=/root ANSIBLE_LOCALHOST_WARNING=0 ansible all -i "$host," -m raw -a "$2" -e "ansible_connection=$1 \
                ansible_user=anna@LAB.TEST ansible_password=$password $settings"
}

ways=(winrm)
have pypsrp && ways+=(psrp)
for way in "${ways[@]}"; do
        story "ansible -c $way -m raw"
        got=$(raw "$way" 'Get-VMHost | Select-Object -ExpandProperty Name')
        [[ $got == *"rc=0"*"${node^^}"* ]] || fail "raw was answered: $got"
        printf '%s\n' "- ${got//$'\n'/; }"
        expect_fail "The term 'Get-VMM' is not recognized" raw "$way" Get-VMM
done
