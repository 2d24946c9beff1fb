"""The colours of colour maps, as compact text.

Each table has the 256 colours of matplotlib for ``numpy.linspace(0, 1, 256)`` with ``bytes=True``.
A test compares every byte. Each string encodes the differences between neighbouring reds, then
greens, then blues, modulo 256. The differences are compressed by zlib and encoded in base 85.
Because of rounding in matplotlib, some reversed maps ("_r") are not exactly the map in reverse
order. Only these reversed maps have their own tables.

Origins: viridis, plasma, inferno and magma by N. J. Smith, S. van der Walt and E. Firing (CC0);
cividis by J. R. Nuñez, C. R. Anderton and R. S. Renslow; turbo by A. Mikhailov, Google
(Apache-2.0); twilight by B. Beilschmidt (CC0); coolwarm by K. Moreland; RdBu and PuOr by C. Brewer,
ColorBrewer (Apache-2.0); the others are traditional maps, as in MATLAB and gnuplot, and are
computed by matplotlib.
"""

from __future__ import annotations

import functools
import zlib

import numpy as np
from numpy.typing import NDArray


@functools.cache
def decode(name: str) -> NDArray[np.uint8]:
    """Return the read-only table of one map: ``(256, 3)`` uint8, red, green and blue."""
    import base64  # pictures without a colour map do not need it

    packed = zlib.decompress(base64.b85decode(TABLES[name]))
    differences = np.frombuffer(packed, np.uint8).reshape(3, 256)
    table = np.ascontiguousarray(differences.cumsum(axis=1, dtype=np.uint8).T)
    table.flags.writeable = False
    return table


#: Key: the name of the map. Value: the string that :func:`decode` reads.
TABLES: dict[str, str] = {
    "viridis": (
        "c-oCp2@b>{2*moeeM0~L6zPJ41J-"
        "1hIY1MsrhG)2)5RpBOj9b8fmBxHRP0rP>tnb;GZ+z<(P4B&bgEYzna$6%)!IQGRh{{dkRR)PLk^|Tmq9^TLD"
        "-3RJi9)8y9m3dhMbyxbY6=bx|f`=Iy(w8x~3t<@?nI15jJYV0o8fA`0o#b6o?4"
    ),
    "plasma": (
        "c-nnYTMmRk2t#HQe>}Ix)=h>-"
        "+uczfEr^L&j?eHhoNSAvV34AnDMJ$UV8&!sS=TcdrV~VARtUQjX0#XVJtxxkmJuvJ-"
        "Rt5H{kQOC`!IH(LM8}`6On`ZhG>IMISi>TVi$zC+e+Mkk~K0wibenTlD*LDQ)B35^7wML-2S@0%*37v"
    ),
    "inferno": (
        "c-oCp(H4au2m|r{{~uci#t3}6I7X%}z(hnH>Ihr##j$R0==ArC3OT;OZ-+CNN=)EFLgJ3_X%9TW0TMyIA-"
        "^z7xzbfAY6?+Jc)D%Vi|#PzTCHZsdv&Ak_2FvgxDZf<@zm|x=3ukcLepZ+l8j_r!AT^A<g5L6^B?kaT>#0El"
        "-%r$cm|ywYT|-<rTM$AD#J^#aI=l!_S-buFAIiip8"
    ),
    "magma": (
        "c-n1J2@b#@2!r|mH#6m~BBeAgAP$L$5BQ+3&q=YZ5Y9l8=mCoivZbpzoUA)-"
        ")6Jo71fnmQwPa43o&%>;MY+<MdRE1dS%zt_TjmJpnt~0$evrCRi_Z>(he0lGW%gRh>tIFjE$bn=t6Q{DOe2s"
        "A?h>RHbf6BxK3YPa0OM+J);wM<zTErzd;Ql;Ew="
    ),
    "cividis": (
        "c-"
        "oax2M&NB3~Z|}@jw3mH&jNY3t~KO;fS#cu*P{F6;y$ZeKm@iRKTi(PZzMe`zL6>r&wq@wfDUGbHT6*wEENW!"
        "q3g}z`iE=5^do*(`3O8=N{j8NF3!K;Azfd?Z8w~9aSUH^bB^%UWQ_Gy(Sd1D8kZMxDMa}4RS;r"
    ),
    "turbo": (
        "c-m!>K@!6t2t^f5?7AoEzW2XXA_YFEjUR+bCc%gJ$(gb%AxKIZQ?eCeaj2`QchB-"
        "{(r@g4sYyhIim8^W?kWgkCQ|ocrf!S0h*kn(0-"
        "IB@Ei>j6T(%~jA>IgP>O+_MJ0M1)fZEX(GtLJthy&P<m2j*RKd(nR8tD9lkBA14_a=rq7QUL|bx0jM#JE)7_"
        "G+!2YNF#jOtl^uTJi3^Ex?0!;teY7f8*u<IbWV9uHy+!!p+f<`T@lS9Cwhh>!LC2*-"
        "&S{3n=JCIWEgCDg6URU1*R"
    ),
    "gray": "c-muNBmfwg@M8!;0gcR}Kc8XL|0CM}0Dg1={r",
    "gray_r": "c-s5_pJ?!pfmVDd>)(F{GWih3zyJRk$l{Osf5iG90G}JX9{",
    "bone": "c-muNV1$67N;82F6B>=3iA{)sfws;AS%Xe6F;Ye#^QhuZOp}?YBs|zt4<i71xB~t",
    "bone_r": (
        "c-s5_@BhF55Co(D;}yb?1p@{gG)@ULnpE|;^b<0NY<J>zFgOU{1S*eo0-HDm;X-t{)5-#B(Eo4;5XHg(M)18K"
    ),
    "hot": "c-rG)W?}{+FhPBqkzr&5CUS$0Sj8hgfLTxhGl_f_0Auk2{r",
    "jet": (
        "c-"
        "pm60SbU1476^&yN7#MA)y%2jLe<49UB{C7{Vx<0Rv8#>4;W&`n<@_m=IY|$!53p8Gg8=NGiW;cwc&$y)IU8l"
        "RY<=lqgnogrD7p{n7(Vpt67"
    ),
    "jet_r": (
        "c-pIHWr0HsCL;s6;Qyb$fB(WT9tM%p{}|{Em|0j@m|+NmMWhrJ-"
        "0}AhWq@J8024Da3o``cVGu1%Nm~33g1`U3Arcb+(Lt?%"
    ),
    "hsv": (
        "c-"
        "qyG(F%Yt2t`eu|Np(txr8DXBl4j=be;|(7rAyw;@;i#q^iz33}e^fYc@obgCa87O*wWkmHHZWMKTdApk+&KW"
        "(NO&m^t^VBD~@NkFM%tse|soM~D{"
    ),
    "twilight": (
        "c-"
        "m!BQI^9X2n0><f4%)}uTh0%1~ldskTFUWM&2G`7G~2X>>)ONO!E;D6T=NEhQC~3B6K3<3u_%Q6suc&9fGAeN"
        "1CcOZ6zJ57a=V)9Y;f`5=xc-r$`Q3>Vn!lqNpN&%4AtgCbgBMIP12mf8n?>-"
        "Aw)x2@~u1j2X{Cy&x^A35lB{5#PLV;Yj?>n3b-"
        "|!*4cnqF1|lB7b|jLV7zyI*!BzBA+bX?`K+)8|xV#CVsrHWUN<HnDBj*ATlwck7C$&04Bd<J@#>3(V)M=1k>"
        "cvV2iBHR#Uc-9{jL-db>LOs|Q|GAo`1O+T<T%5H_j"
    ),
    "twilight_r": (
        "c-"
        "l>pS(d~g2t^sv``=#w);<Chk3mZrjN*wG_z+QGLSk+E+T7E#0q?Dm>g1jt#><4c<;udaFpC$~+t<EVBrZj84"
        "iXk-krf!m7U7U-WDMO82m-"
        "jnx$g>V8cCyCB9HzIQGTR<lb8PsKl(L(hqao=i>DuTu<ROIJcvGA=8fhNH<@&@30V&2h}|ikMxGoLLu$TP3u"
        "hdw?osLC73mD>EZQ*Zq_xt_HR@ma<4+7Xij?EcxdvkXTC-"
        "atB7ExKMD_a1bgQ%nKV21_>29LBTD5Mls?L*B{`9%kx;(sXA=4R6F)X)FCX;)#!H2#4^wt+H_cE&"
    ),
    "coolwarm": (
        "c-noE>k-5t2!w&MQo|K}eHrx>d5O-"
        "!vTHK=!8hhXB%DQRX%1a8zjSS*?imWi0ha*8re;ZW3l+CZELQVjS$~j-"
        "WIR}&8YoX0??xj$2IFl+xG=*0f3}y^dFu$UG|WalR$Vhy>zGzv?(#LJaDM@aAkb_uiXpdR)#1FD8(Ql|bzw@"
        "!<Gg*8+GCUd1?r=ItAbMO"
    ),
    "RdBu": (
        "c-"
        "nPRTN1+{2n0MxkJtPESFA}`c^H@1iXr0wUugwMh%n17#m&GRy;GuF5ts5HqG*25gN&|OoL=~Kz*(PFCmrya%"
        "_ndH5`tEUcV&6I+?b)&=)afDW)p^K4rK3sF+E_wMbq?oFHt|wyrO`}^F-"
        "k_ecOSEmJVA(5Ky#=L2MVoZY)|G;)#8X6_lA`L3)Ay0dHksrT"
    ),
    "RdBu_r": (
        "c-nQ6(HX-"
        "a2!s!9_vuR6e}+J#fC9BY$ej<#C*qqHt+@6t`{Gqx^JqQC`0yM6d?9W~ASh`n!XjRSed>r(hVZSpF8I@oUUW"
        "iU;?i<LZ|<-fh%~c2o$k|TCpRmu%gi=3vvBB<ll9+13b?{FyUoy)^q9tWKkSE7yW6q`TP&<8;bP>}ow-"
        "2T%!!BL&+D85@#m8RUt!5amH"
    ),
    "PuOr": (
        "c-nnZQ4)n92n6-x-"
        "KoQMa^1{A2<0uZyEbFfVrTjX7P6iAL0W|ZFo^mhm1)rcLv|Nd0BA3E9(C_J;xHpECsAF3ycjvL2(iF9lDJ-"
        "=nS^cfx}jDhv@rh<=9=JcjqZ<>Qj;f&cV*wDkLa!ZwS54iUeO|ii2e&J-v?ttbwlj}n4)=z"
    ),
    "PuOr_r": (
        "c-nQ5%K-x+2t+~aNhRsOn;=115mtC8Gu-%mu*L9J%a+(2tV6IADgeOsAX;Q7U|}%d!b9NK*Hi-"
        "K{H<54S$mT97M$!tX_u^NfH%&~&SzX=&`Wh#_l_-"
        "B_Fb*_B+aIu+r?y(UO8u;G{z$=-4hLqV}C^Q(tjj4n)}l*qc(uv{{iW6CDH"
    ),
    "bwr": "c-muNA^;ef@nZ-<HqFQ|z+iy=&+rcm`1_v(8bpwf{||8R{~uug0{{sj01p",
    "bwr_r": "c-s5VFtFhNKP=$ye-daAK|W?+A^;ef@nZ-<Hq9`?{m(eS=??%J0{{;",
    "seismic": "c-muNpbRjwFtf6N0eLhNh4%lW5HJj|{~7+EgWrEqF@`h>q}2UB%*;&8%oGrm#@_(@9{@&tzkm",
    "seismic_r": "c-pIHq7X1p2LAm)2fzQKVhm{%$S}Zwk%gI+1q{fe8AiDODNR3r|NR95@(BP)ZNE(",
}
